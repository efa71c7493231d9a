import { changesBetween } from '../members/changes.ts';
import { isOwnSet, temporarySetName } from '../set-name.ts';
import type { Ipset } from './set.ts';

/** Members that come and go in one set. */
export interface SetChange {
  readonly set: Ipset;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/**
 * The least that turns the kernel's sets into the desired ones. `create`, `replace` and `add` go before the
 * rules that use them; `remove` and `destroy` after the rules that don't any more.
 */
export interface SetPlan {
  readonly create: readonly Ipset[];
  /**
   * Too small: fill a set beside it and swap. Another type or family (somebody else's doing): the kernel doesn't
   * swap those; destroy it once no rule holds it, or refuse.
   */
  readonly replace: readonly Ipset[];
  readonly change: readonly SetChange[];
  readonly destroy: readonly string[];
}

/** What is known of a set of the kernel. */
export type ActualSet = Omit<Ipset, 'hashsize' | 'counters'>;

/**
 * Compares by name; `desired` is of both families, or `actual` of one only, since the rest is to be destroyed.
 * Member sets that are the same object, or versions of one (`Members`), are not walked: give as `actual` what the
 * last plan desired. Sets that are not ours are ignored.
 */
export function planSets(
  desired: ReadonlyMap<string, Ipset>,
  actual: ReadonlyMap<string, ActualSet>,
): SetPlan {
  const create: Ipset[] = [];
  const replace: Ipset[] = [];
  const change: SetChange[] = [];
  for (const set of desired.values()) {
    const there = actual.get(set.name);
    if (there === undefined) create.push(set);
    else if (there.type !== set.type || there.family !== set.family || there.maxelem < set.maxelem)
      replace.push(set);
    else if (there.members !== set.members) {
      const { add, remove } = changesBetween(there.members, set.members);
      if (add.length > 0 || remove.length > 0) change.push({ set, add, remove });
    }
  }
  const beside = new Set(replace.map(set => temporarySetName(set.name)));
  const destroy = [...actual.keys()].filter(
    name => isOwnSet(name) && !desired.has(name) && !beside.has(name),
  );
  return { create, replace, change, destroy };
}

/** Whether there is nothing to do. */
export function isEmptySetPlan(plan: SetPlan): boolean {
  return [plan.create, plan.replace, plan.change, plan.destroy].every(list => list.length === 0);
}
