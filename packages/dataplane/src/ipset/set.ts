import type { MemberSet, SetId } from '@muslin/api';
import type { Family } from '@muslin/net';
import { plainId } from '../iptables/aside.ts';
import { type Ruleset, setsUsed } from '../ir/ruleset.ts';
import { follow } from '../members/follow.ts';
import { inFamily } from '../members/member-text.ts';
import { setName } from '../set-name.ts';

/** Kinds of ipset that we make. */
export type IpsetType = 'hash:net' | 'hash:ip,port';

/** One set of the kernel, of one family. Members as ipset prints them, prefixes always with a length. */
export interface Ipset {
  readonly name: string;
  readonly family: Family;
  readonly type: IpsetType;
  /** Most members it may have. */
  readonly maxelem: number;
  /** Buckets at creation: a hash that grows waits for an RCU grace period at each doubling. */
  readonly hashsize: number;
  readonly members: ReadonlySet<string>;
  /** It counts the packets of each member. */
  readonly counters?: true;
}

/** Costs nothing until used; more members than this double it. */
export const DEFAULT_MAXELEM = 1 << 20;
const MIN_HASHSIZE = 64;

const powerOfTwo = (atLeast: number) => 2 ** Math.ceil(Math.log2(Math.max(1, atLeast)));

const HALVES: Readonly<Record<Family, readonly string[]>> = {
  4: ['0.0.0.0/1', '128.0.0.0/1'],
  6: ['::/1', '8000::/1'],
};

const addressOf = (member: string) => member.slice(0, Math.max(0, member.indexOf(',')) || undefined);

const splitters = (family: Family) => ({
  net: follow(member => (!inFamily(member, family) ? [] : member.endsWith('/0') ? HALVES[family] : [member])),
  'ip-port': follow(member => (inFamily(addressOf(member), family) ? [member] : [])),
});
const SPLITTERS = { 4: splitters(4), 6: splitters(6) } as const;

/** The members of one family, as the kernel takes them: it has no `/0`, so that becomes two halves. */
export function membersOf(set: MemberSet, family: Family): ReadonlySet<string> {
  return SPLITTERS[family][set.kind](set.members);
}

/**
 * The sets that lowered rules look into, for as many families as rulesets are given. One that nobody defines,
 * or as another kind, is there but empty.
 */
export function desiredSets(
  sets: ReadonlyMap<SetId, MemberSet>,
  ...lowered: readonly Ruleset[]
): ReadonlyMap<string, Ipset> {
  const out = new Map<string, Ipset>();
  for (const ruleset of lowered)
    for (const [id, kind] of setsUsed(ruleset)) {
      const known = ruleset.sets.get(id) ?? sets.get(id);
      const counters = ruleset.derived?.get(plainId(id))?.counted === true;
      const set = ipsetOf(id, known?.kind === kind ? known : EMPTY[kind], ruleset.family);
      out.set(set.name, counters ? { ...set, counters } : set);
    }
  return out;
}

const EMPTY: Readonly<Record<MemberSet['kind'], MemberSet>> = {
  net: { kind: 'net', members: new Set() },
  'ip-port': { kind: 'ip-port', members: new Set() },
};

/** One set for the kernel. */
export function ipsetOf(id: SetId, set: MemberSet, family: Family): Ipset {
  const members = membersOf(set, family);
  return {
    name: setName(id, family),
    family,
    type: set.kind === 'net' ? 'hash:net' : 'hash:ip,port',
    maxelem: Math.max(DEFAULT_MAXELEM, powerOfTwo(members.size)),
    hashsize: Math.max(MIN_HASHSIZE, powerOfTwo(members.size / 2)),
    members,
  };
}
