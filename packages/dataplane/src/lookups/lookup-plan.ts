import type { Direction, MemberSet, PolicyKey, SetId } from '@muslin/api';
import { type Family, mustPrefix } from '@muslin/net';
import type { Match } from '../ir/match.ts';
import type { AllowGroup, NamedRule } from './allow-group.ts';
import { allowedBy, type Counted, type RuleRef } from '../counters/counted.ts';
import { type DerivedSet, derivedSet, type Part, partOf, sourceOf, taken } from './derived-set.ts';
import { type Head, headOf } from './head.ts';
import type { LookupLimits } from './limits.ts';

/** What a rule of a group must meet to be allowed, and who says so. */
export interface Lookup {
  readonly matches: readonly Match[];
  readonly comment: string;
  readonly counts: Counted;
}

/** A group as look-ups: a packet that meets one of them is allowed. */
export interface LookupPlan {
  readonly lookups: readonly Lookup[];
  readonly derived: readonly DerivedSet[];
}

/** How a rule is best said, as its source is now. `rule`: too large or too odd; `wide`: has prefixes too. */
type Fate = 'rule' | 'product' | 'product and wide';

/** What decides how a source's rules are best said. */
export interface SourceFacts {
  readonly size: number;
  /** Whether it holds prefixes of more than one address, in the ruleset's family. */
  readonly wide: boolean;
}

/** Finds the facts of sources, each once. */
export function sourceFacts(
  sets: ReadonlyMap<SetId, MemberSet>,
  family: Family,
): (from: Part['from']) => SourceFacts {
  const known = new Map<Part['from'], SourceFacts>();
  return from => {
    let facts = known.get(from);
    if (facts === undefined) {
      const source = sourceOf(from, sets);
      facts = { size: source.size, wide: taken(source, 'wide', family).size > 0 };
      known.set(from, facts);
    }
    return facts;
  };
}

/** What becomes of each rule of a group; depends on what the sets hold, but seldom changes with it. */
export function fatesOf(
  { rules }: AllowGroup,
  factsOf: (from: Part['from']) => SourceFacts,
  limits: LookupLimits,
): readonly Fate[] {
  let products = 0;
  const fates = rules.map(({ peer, endings }): Fate => {
    if (peer === undefined || endings === undefined) return 'rule';
    const source = factsOf('set' in peer ? peer.set : peer.nets);
    if (source.size * endings.size * 8 > limits.membersPerSet) return 'rule';
    products++;
    return source.wide ? 'product and wide' : 'product';
  });
  return products >= limits.fromRules ? fates : fates.map(() => 'rule');
}

/** Makes a group's look-ups: one in a set of addresses and ports, then one for each head that is left. */
export function lookupPlan(
  group: AllowGroup,
  fates: readonly Fate[],
  direction: Direction,
  limits: LookupLimits,
  counted: boolean,
): LookupPlan {
  const side = direction === 'ingress' ? 'src' : 'dst';
  const heads = new Map<string, Head>();
  const products = new Map<string, { readonly from: Part['from']; readonly owners: Map<string, RuleRef> }>();
  const producers = new Set<PolicyKey>();
  group.rules.forEach((rule, i) => {
    const { peer, endings } = rule;
    if (fates[i] === 'rule' || peer === undefined || endings === undefined) {
      addToHead(headOf(heads, rule.head), rule, false);
      return;
    }
    const from = 'set' in peer ? peer.set : peer.nets;
    const key = JSON.stringify(from);
    let known = products.get(key);
    if (known === undefined) products.set(key, (known = { from, owners: new Map() }));
    for (const ending of endings) firstOf(known.owners, ending, rule);
    producers.add(rule.policy);
    if (fates[i] === 'product and wide') addToHead(headOf(heads, rule.head), rule, true);
  });
  const lookups: Lookup[] = [];
  const derived: DerivedSet[] = [];
  if (products.size > 0) {
    const parts = [...products.values()].map(({ from, owners }) => partOf(from, 'hosts', owners));
    const set = derivedSet('ip-port', [group.key], parts, counted);
    derived.push(set);
    const key = side === 'src' ? 'src,dst' : 'dst,dst';
    const counts = countsOf(set, direction);
    lookups.push({ matches: [{ kind: 'set', set: set.id, key }], comment: listed(producers), counts });
  }
  for (const head of heads.values())
    addHead(head, { groupKey: group.key, direction, limits, counted, lookups, derived });
  return { lookups, derived };
}

/** Members of a set that is counted have owners; the others only each other. */
function countsOf({ id, counted }: DerivedSet, direction: Direction): Counted {
  return counted ? { kind: 'members', set: id, direction } : { kind: 'several', direction };
}

function firstOf<K>(owners: Map<K, RuleRef>, key: K, { policy, path }: NamedRule): void {
  if (!owners.has(key)) owners.set(key, { policy, path });
}

function addToHead(head: Head, rule: NamedRule, wide: boolean): void {
  const { peer, name, policy, path } = rule;
  head.names.add(name);
  head.policies.add(policy);
  if (peer === undefined) head.anybody ??= { policy, path };
  else if ('nets' in peer) for (const net of peer.nets) firstOf(head.nets, net, rule);
  else firstOf(wide ? head.wide : head.sets, peer.set, rule);
}

/** Where the look-ups of a head go, and what they are made with. */
interface HeadPlace {
  readonly groupKey: string;
  readonly direction: Direction;
  readonly limits: LookupLimits;
  readonly counted: boolean;
  readonly lookups: Lookup[];
  readonly derived: DerivedSet[];
}

function addHead(head: Head, { groupKey, direction, limits, counted, lookups, derived }: HeadPlace): void {
  const side = direction === 'ingress' ? 'src' : 'dst';
  const comment = head.names.size === 1 ? listed(head.names) : listed(head.policies);
  const put = (counts: Counted, ...peer: readonly Match[]) =>
    lookups.push({ matches: [...head.matches, ...peer], comment, counts });
  if (head.anybody !== undefined) {
    put(allowedBy(head.anybody, direction));
    return;
  }
  const sets = [...new Map([...head.wide, ...head.sets])];
  const netsOf = Map.groupBy(
    [...head.nets].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ([, { policy, path }]) => `${policy} ${path}`,
  );
  // Rules of one head are few, or one: each would cost every packet.
  if (sets.length < limits.fromRules && sets.length + netsOf.size <= limits.fromRules) {
    for (const [set, rule] of sets) put(allowedBy(rule, direction), { kind: 'set', set, key: side });
    const kind = side === 'src' ? 'source' : 'destination';
    for (const nets of netsOf.values())
      for (const [, rule] of nets.slice(0, 1))
        put(allowedBy(rule, direction), { kind, nets: nets.map(([net]) => mustPrefix(net)) });
    return;
  }
  const parts = sets.map(([from, rule]) =>
    partOf(from, head.sets.has(from) ? 'all' : 'wide', new Map([['', rule]])),
  );
  for (const nets of netsOf.values())
    for (const [, rule] of nets.slice(0, 1))
      parts.push(
        partOf(
          nets.map(([net]) => net),
          'all',
          new Map([['', rule]]),
        ),
      );
  const set = derivedSet('net', [groupKey, JSON.stringify(head.matches)], parts, counted);
  derived.push(set);
  put(countsOf(set, direction), { kind: 'set', set: set.id, key: side });
}

/** Room that every back end's comments have. */
const COMMENT_ROOM = 84;

/** Names as far as they fit, and how many more there are. */
function listed(names: ReadonlySet<string>): string {
  let text = '';
  let shown = 0;
  for (const name of names) {
    if (shown > 0 && text.length + name.length > COMMENT_ROOM) break;
    text += shown++ === 0 ? name : `, ${name}`;
  }
  return shown === names.size ? text : `${text} and ${names.size - shown} more`;
}

/** Members that the derived sets of a plan have at most, and the most of one set. */
export function sizeOf(
  { derived }: LookupPlan,
  factsOf: (from: Part['from']) => SourceFacts,
): { readonly sum: number; readonly largest: number } {
  const sizes = derived.map(({ parts }) =>
    parts.reduce((sum, { from, endings }) => sum + factsOf(from).size * endings.size, 0),
  );
  return { sum: sizes.reduce((sum, size) => sum + size, 0), largest: Math.max(0, ...sizes) };
}
