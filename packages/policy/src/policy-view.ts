import type { ActivePolicy, MemberSet, NodeState, PolicyKey, SetId } from '@muslin/api';
import { type Family, formatPrefix, type Ip, maskIp, widthOf } from '@muslin/net';
import { portMember } from './set-meaning.ts';

/** All that `decide` asks about: rules by policy, and whether an address is in a set. */
export interface PolicyView {
  policy(key: PolicyKey): ActivePolicy | undefined;
  /** The most specific member of a `net` set that holds the address. `text` is `formatIp(ip)`. */
  netMember(set: SetId, ip: Ip, text: string): string | undefined;
  /** The member of an `ip-port` set that is this address, protocol and port. */
  portMember(set: SetId, text: string, protocol: number, port: number): string | undefined;
}

/**
 * Looks at a node's state the way its kernel does: a set that is not there holds nothing. Remembers which prefix
 * lengths a set uses, so make a new view when the state has changed.
 */
export function viewOf(state: NodeState): PolicyView {
  const lengths = new Map<SetId, Lengths>();
  return {
    policy: key => state.policies.get(key),
    netMember(id, ip, text) {
      const set = state.sets.get(id);
      if (set === undefined) return undefined;
      let known = lengths.get(id);
      if (known === undefined) lengths.set(id, (known = lengthsOf(set)));
      return longestMember(set, known[ip.family], ip, text);
    },
    portMember(id, text, protocol, port) {
      const member = portMember(text, protocol, port);
      return member !== undefined && state.sets.get(id)?.members.has(member) ? member : undefined;
    },
  };
}

type Lengths = Readonly<Record<Family, readonly number[]>>;

function lengthsOf(set: MemberSet): Lengths {
  const found = { 4: new Set<number>(), 6: new Set<number>() };
  for (const member of set.members) {
    const length = Number(member.slice(member.indexOf('/') + 1));
    found[member.includes(':') ? 6 : 4].add(length);
  }
  const longestFirst = (lengths: ReadonlySet<number>) => [...lengths].sort((a, b) => b - a);
  return { 4: longestFirst(found[4]), 6: longestFirst(found[6]) };
}

function longestMember(set: MemberSet, lengths: readonly number[], ip: Ip, text: string): string | undefined {
  for (const length of lengths) {
    const member =
      length === widthOf(ip.family) ? `${text}/${length}` : formatPrefix({ ip: maskIp(ip, length), length });
    if (set.members.has(member)) return member;
  }
  return undefined;
}
