import type { MemberSet, SetId } from '@muslin/api';
import type { Family } from '@muslin/net';
import { digest } from '../digest.ts';
import { changesBetween } from '../members/changes.ts';
import { follow } from '../members/follow.ts';
import { hostAddress, inFamily, isHost } from '../members/member-text.ts';
import { Members } from '../members/members.ts';

/** Where members of a derived set come from: each member of the source with each of the endings. */
export interface Part {
  /** A set of the `NodeState`, or prefixes in canonical text. */
  readonly from: SetId | readonly string[];
  /** Its single addresses (without length), its prefixes of more than one, or everything. */
  readonly take: 'hosts' | 'wide' | 'all';
  /** `,tcp:80` in a set of addresses and ports; one empty ending in a set of prefixes. */
  readonly endings: ReadonlySet<string>;
}

/** A set that follows from others: the union of its parts. Parts of an `ip-port` set take hosts only, of a `net` set none. */
export interface DerivedSet {
  readonly id: SetId;
  readonly kind: MemberSet['kind'];
  readonly parts: readonly Part[];
}

/** The colon keeps these ids apart from those of a `NodeState`; equal definitions are one set. */
export function derivedSet(kind: DerivedSet['kind'], parts: readonly Part[]): DerivedSet {
  const text = parts
    .map(({ from, take, endings }) => JSON.stringify([from, take, [...endings].toSorted()]))
    .toSorted();
  return { id: `muslin:${kind}:${digest(text.join('\n'), 32)}`, kind, parts };
}

const takers = (family: Family) => ({
  hosts: follow(m => (inFamily(m, family) && isHost(m) ? [hostAddress(m, family)] : [])),
  wide: follow(m => (inFamily(m, family) && !isHost(m) ? [m] : [])),
  all: follow(m => (inFamily(m, family) ? [m] : [])),
});
const TAKERS = { 4: takers(4), 6: takers(6) } as const;

/** The members of a source that a derived set takes, without ending. */
export function taken(source: ReadonlySet<string>, take: Part['take'], family: Family): ReadonlySet<string> {
  return TAKERS[family][take](source);
}

/** A derived set with its members, and what they were taken from. */
export interface Derivation {
  readonly set: MemberSet;
  readonly sources: readonly ReadonlySet<string>[];
}

const NOBODY: ReadonlySet<string> = new Set();
const fixed = new WeakMap<readonly string[], ReadonlySet<string>>();

/** The members of what a part names; of a set that is not there, or of another kind, none. */
export function sourceOf(from: Part['from'], sets: ReadonlyMap<SetId, MemberSet>): ReadonlySet<string> {
  if (typeof from === 'string') {
    const set = sets.get(from);
    return set?.kind === 'net' ? set.members : NOBODY;
  }
  let members = fixed.get(from);
  if (members === undefined) fixed.set(from, (members = new Set(from)));
  return members;
}

/**
 * The members of a derived set. With what it was before, costs one operation for each ending of each member that
 * came or went in a source; a member goes when no part brings it any more.
 */
export function derive(
  { kind, parts }: DerivedSet,
  sets: ReadonlyMap<SetId, MemberSet>,
  family: Family,
  before: Derivation | undefined,
): Derivation {
  const sources = parts.map(part => taken(sourceOf(part.from, sets), part.take, family));
  if (before === undefined) return { set: whole(kind, parts, sources), sources };
  const add: string[] = [];
  const remove: string[] = [];
  parts.forEach(({ endings }, i) => {
    const [old, now] = [before.sources[i], sources[i]];
    if (old === now || old === undefined || now === undefined) return;
    const changes = changesBetween(old, now);
    for (const member of changes.add) for (const ending of endings) add.push(member + ending);
    for (const member of changes.remove)
      for (const ending of endings)
        if (!parts.some((part, j) => part.endings.has(ending) && sources[j]?.has(member)))
          remove.push(member + ending);
  });
  if (add.length === 0 && remove.length === 0) return { set: before.set, sources };
  const members = (before.set.members as Members).patch({ add, remove });
  return { set: { kind: before.set.kind, members }, sources };
}

function whole(
  kind: MemberSet['kind'],
  parts: readonly Part[],
  sources: readonly ReadonlySet<string>[],
): MemberSet {
  const members = new Set<string>();
  parts.forEach(({ endings }, i) => {
    for (const member of sources[i] ?? []) for (const ending of endings) members.add(member + ending);
  });
  return { kind, members: Members.of(members) };
}
