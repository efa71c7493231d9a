import type { MemberSet, SetId } from '@muslin/api';
import type { Family } from '@muslin/net';
import type { RuleRef } from '../counters/counted.ts';
import { digest } from '../digest.ts';
import { changesBetween } from '../members/changes.ts';
import { follow } from '../members/follow.ts';
import { hostAddress, inFamily, isHost } from '../members/member-text.ts';
import { Members } from '../members/members.ts';

/** Where members of a derived set come from: each member of the source with each of the endings. */
export interface Part {
  /** Tells parts of one set apart: no two take the same of the same source. */
  readonly key: string;
  /** A set of the `NodeState`, or prefixes in canonical text. */
  readonly from: SetId | readonly string[];
  /** Its single addresses (without length), its prefixes of more than one, or everything. */
  readonly take: 'hosts' | 'wide' | 'all';
  /** `,tcp:80` in a set of addresses and ports; one empty ending in a set of prefixes. */
  readonly endings: ReadonlySet<string>;
  /** By ending: the first rule that brings members with it. */
  readonly owners: ReadonlyMap<string, RuleRef>;
}

/** A set that follows from others: the union of its parts. Parts of an `ip-port` set take hosts only, of a `net` set none. */
export interface DerivedSet {
  readonly id: SetId;
  readonly kind: MemberSet['kind'];
  readonly parts: readonly Part[];
  /** Whether the kernel counts each member's packets. */
  readonly counted: boolean;
}

/** Makes a part. */
export function partOf(from: Part['from'], take: Part['take'], owners: Part['owners']): Part {
  return { key: JSON.stringify([take, from]), from, take, endings: new Set(owners.keys()), owners };
}

/**
 * Makes a derived set. Its name says what it is for, not what it holds, so that a change of either sources or
 * parts is a change of members. The colon keeps these ids apart from those of a `NodeState`.
 */
export function derivedSet(
  kind: DerivedSet['kind'],
  purpose: readonly string[],
  parts: readonly Part[],
  counted: boolean,
): DerivedSet {
  // One that is counted is another set: the kernel can't begin to count in one that is there.
  const name = digest([...purpose, ...(counted ? ['counted'] : [])].join('\n'), 32);
  return { id: `muslin:${kind}:${name}`, kind, parts, counted };
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

/** A derived set with its members, and what they were taken from: by part. */
export interface Derivation {
  readonly set: MemberSet;
  readonly parts: ReadonlyMap<string, Taken>;
}

interface Taken {
  readonly endings: ReadonlySet<string>;
  readonly members: ReadonlySet<string>;
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
 * came or went in a source, and for what parts gained or lost; a member goes when no part brings it any more.
 */
export function derive(
  { kind, parts }: DerivedSet,
  sets: ReadonlyMap<SetId, MemberSet>,
  family: Family,
  before: Derivation | undefined,
): Derivation {
  const now = new Map(
    parts.map(({ key, from, take, endings }): [string, Taken] => [
      key,
      { endings, members: taken(sourceOf(from, sets), take, family) },
    ]),
  );
  if (before === undefined) return { set: { kind, members: Members.of(allOf(now.values())) }, parts: now };
  const add = [...difference(now, before.parts, (is, was) => changesBetween(was, is).add)];
  const remove = [...difference(before.parts, now, (was, is) => changesBetween(was, is).remove)].filter(
    ({ member, ending }) => !brings(now.values(), member, ending),
  );
  if (add.length === 0 && remove.length === 0) return { set: before.set, parts: now };
  const members = (before.set.members as Members).patch({ add: add.map(text), remove: remove.map(text) });
  return { set: { kind, members }, parts: now };
}

function* allOf(parts: Iterable<Taken>): Generator<string> {
  for (const { endings, members } of parts)
    for (const member of members) for (const ending of endings) yield member + ending;
}

interface Brought {
  readonly member: string;
  readonly ending: string;
}

const text = ({ member, ending }: Brought) => member + ending;

/** Whether some part brings this member with this ending. */
function brings(parts: Iterable<Taken>, member: string, ending: string): boolean {
  for (const part of parts) if (part.endings.has(ending) && part.members.has(member)) return true;
  return false;
}

/** What parts of `here` bring that their namesakes in `there` do not; `beyond` compares the members of two. */
function* difference(
  here: ReadonlyMap<string, Taken>,
  there: ReadonlyMap<string, Taken>,
  beyond: (here: ReadonlySet<string>, there: ReadonlySet<string>) => readonly string[],
): Generator<Brought> {
  for (const [key, part] of here) {
    const other = there.get(key);
    if (other !== undefined && other.members === part.members && other.endings === part.endings) continue;
    const more = other === undefined ? [] : beyond(part.members, other.members);
    for (const ending of part.endings)
      for (const member of other?.endings.has(ending) ? more : part.members) yield { member, ending };
  }
}
