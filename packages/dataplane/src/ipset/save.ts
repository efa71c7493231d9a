import { formatIp, formatPrefix, parseIp, parsePrefix } from '@muslin/net';
import type { ActualSet } from './plan.ts';
import type { IpsetType } from './set.ts';
import { isOwnSet } from '../set-name.ts';

/**
 * Reads `ipset save`: our sets only, members in our spelling (ipset leaves `/32` and `/128` out). Total: what
 * means nothing here is skipped. A set of a type that we never make is listed as it is, so that it is replaced.
 */
export function parseIpsetSave(text: string): ReadonlyMap<string, ActualSet> {
  const sets = new Map<string, ActualSet & { members: Set<string> }>();
  for (const line of text.split('\n')) {
    const [verb, name, ...words] = line.split(' ');
    if (name === undefined || !isOwnSet(name)) continue;
    if (verb === 'create') {
      const option = (key: string) => words[words.indexOf(key, 1) + 1];
      sets.set(name, {
        name,
        family: option('family') === 'inet6' ? 6 : 4,
        type: words[0] as IpsetType,
        maxelem: Number(option('maxelem')) || 0,
        members: new Set(),
      });
    } else if (verb === 'add' && words[0] !== undefined)
      sets.get(name)?.members.add(canonicalMember(words[0]));
  }
  return sets;
}

/** `10.0.0.1` → `10.0.0.1/32`; IPv6 as RFC 5952 writes it; what is no member stays as it is. */
export function canonicalMember(text: string): string {
  const comma = text.indexOf(',');
  if (comma >= 0) {
    const ip = parseIp(text.slice(0, comma));
    return ip.ok ? formatIp(ip.value) + text.slice(comma) : text;
  }
  const net = parsePrefix(text, { bareHost: true });
  return net.ok ? formatPrefix(net.value) : text;
}
