import type { MemberSet, SetId } from '@muslin/api';
import type { Family } from '@muslin/net';
import type { Ruleset } from '../ir/ruleset.ts';
import { type DerivedSet, sourceOf, taken } from '../lookups/derived-set.ts';

/** A member that a derived set has too much, or lacks. */
export interface MemberFault {
  readonly set: SetId;
  readonly member: string;
  readonly fault: 'missing' | 'extra';
}

/**
 * Compares derived sets with what they follow from, one member at a time, smaller sets first and no more than `budget`
 * members of those that changed since they were compared last.
 */
export class MemberCheck {
  readonly #good = new WeakMap<ReadonlySet<string>, readonly unknown[]>();

  find(
    { derived, sets: own, family }: Ruleset,
    sets: ReadonlyMap<SetId, MemberSet>,
    budget: number,
  ): MemberFault | undefined {
    let left = budget;
    const due = [...(derived ?? [])]
      .flatMap(([id, definition]) => {
        const members = own.get(id)?.members ?? new Set<string>();
        const of = [definition, ...definition.parts.map(({ from }) => sourceOf(from, sets))];
        const before = this.#good.get(members);
        return before?.every((value, i) => value === of[i]) ? [] : [{ id, definition, members, of }];
      })
      .toSorted((a, b) => a.members.size - b.members.size);
    for (const { id, definition, members, of } of due) {
      left -= members.size;
      if (left < 0) return undefined;
      const fault = compare(definition, members, sets, family);
      if (fault !== undefined) return { set: id, ...fault };
      this.#good.set(members, of);
    }
    return undefined;
  }
}

function compare(
  { parts }: DerivedSet,
  members: ReadonlySet<string>,
  sets: ReadonlyMap<SetId, MemberSet>,
  family: Family,
): Omit<MemberFault, 'set'> | undefined {
  const wanted = new Set<string>();
  for (const { from, take, endings } of parts)
    for (const member of taken(sourceOf(from, sets), take, family))
      for (const ending of endings) wanted.add(member + ending);
  for (const member of wanted) if (!members.has(member)) return { member, fault: 'missing' };
  for (const member of members) if (!wanted.has(member)) return { member, fault: 'extra' };
  return undefined;
}
