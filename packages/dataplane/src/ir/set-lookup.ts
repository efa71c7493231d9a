import type { MemberSet, SetId } from '@muslin/api';
import { formatIp, type Ip, mustPrefix, PrefixTrie } from '@muslin/net';

/** Answers what a set match asks of the kernel. A set that is not there holds nothing. */
export interface SetLookup {
  hasIp(set: SetId, ip: Ip): boolean;
  hasIpPort(set: SetId, ip: Ip, protocol: number, port: number): boolean;
}

/** Protocol names in `ip-port` members. */
export const MEMBER_PROTOCOL: ReadonlyMap<number, string> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
]);

const tries = new WeakMap<MemberSet, PrefixTrie<true>>();

function trieOf(set: MemberSet): PrefixTrie<true> {
  let trie = tries.get(set);
  if (trie === undefined) {
    trie = new PrefixTrie();
    for (const member of set.members) trie.set(mustPrefix(member), true);
    tries.set(set, trie);
  }
  return trie;
}

/** Looks members up in sets of a `NodeState` or `Ruleset`, first map first. */
export function lookupOf(...sources: readonly ReadonlyMap<SetId, MemberSet>[]): SetLookup {
  const find = (id: SetId, kind: MemberSet['kind']) => {
    for (const source of sources) {
      const set = source.get(id);
      if (set !== undefined) return set.kind === kind ? set : undefined;
    }
    return undefined;
  };
  return {
    hasIp(id, ip) {
      const set = find(id, 'net');
      return set !== undefined && trieOf(set).longest(ip) !== undefined;
    },
    hasIpPort(id, ip, protocol, port) {
      const name = MEMBER_PROTOCOL.get(protocol);
      if (name === undefined) return false;
      return find(id, 'ip-port')?.members.has(`${formatIp(ip)},${name}:${port}`) ?? false;
    },
  };
}
