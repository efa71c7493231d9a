import { mustIp } from '@muslin/net';
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

/**
 * Every host side has the same locally administered MAC, so that a pod's permanent neighbour entry for its
 * gateway stays right when the pod is moved or the interface made anew.
 */
export const HOST_SIDE_MAC = 'ee:ee:ee:ee:ee:ee';

/** A pod's IPv4 gateway: link local (RFC 3927), so it never collides with an address of the cluster. */
export const GATEWAY_4 = mustIp('169.254.1.1');

/** A pod's IPv6 gateway: the link-local address that follows from the MAC (RFC 4291 appendix A, EUI-64). */
export const GATEWAY_6 = mustIp('fe80::ecee:eeff:feee:eeee');
