import { sha1Hex } from '../digest.ts';

/**
 * Host side interface of a pod: the prefix and 11 hex digits of SHA-1 of `namespace.pod`, as Calico computes it
 * with its own prefix, so that people (and their tcpdump scripts) find it the same way. IFNAMSIZ allows 15
 * characters; a prefix of more than 4 is a bug of the caller.
 */
export function workloadInterfaceName(namespace: string, pod: string, prefix = 'msl'): string {
  if (prefix.length > 4)
    throw new Error(`interface prefix ${JSON.stringify(prefix)} is longer than 4 characters`);
  return prefix + sha1Hex(`${namespace}.${pod}`).slice(0, 11);
}
