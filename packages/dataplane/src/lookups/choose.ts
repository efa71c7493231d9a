import type { Direction, MemberSet, SetId } from '@muslin/api';
import type { Family } from '@muslin/net';
import type { AllowGroup } from './allow-group.ts';
import { type Derivation, type DerivedSet, derive } from './derived-set.ts';
import type { LookupLimits } from './limits.ts';
import { fatesOf, type LookupPlan, lookupPlan, sizeOf, sourceFacts } from './lookup-plan.ts';

/** A group, and the direction it is asked in. */
export interface Asked {
  readonly group: AllowGroup;
  readonly direction: Direction;
}

/** What was chosen, with the derived sets that it needs. */
export interface Choice {
  /** Groups that are not here stay chains. */
  readonly plans: ReadonlyMap<AllowGroup, LookupPlan>;
  readonly sets: ReadonlyMap<SetId, MemberSet>;
  /** What they follow from. */
  readonly derived: ReadonlyMap<SetId, DerivedSet>;
}

interface Known {
  readonly fates: string;
  readonly plan: LookupPlan;
}

/** A group as it would be said, and how many members that takes. */
interface Candidate extends Asked {
  readonly plan: LookupPlan;
  readonly size: ReturnType<typeof sizeOf>;
}

/** What was made of a derived set while the state's sets were these. */
interface Derived {
  readonly of: DerivedSet;
  readonly from: ReadonlyMap<SetId, MemberSet>;
  readonly made: Derivation;
}

/** Plans and derived sets of earlier choices, so that unchanged ones are the same objects. */
export class LookupChooser {
  readonly #plans = {
    counted: new WeakMap<AllowGroup, Known>(),
    uncounted: new WeakMap<AllowGroup, Known>(),
  };
  #derivations = new Map<SetId, Derived>();
  /** How groups are best said while these sets hold what they hold. */
  #candidates: {
    readonly of: unknown;
    readonly limits: unknown;
    readonly known: WeakMap<AllowGroup, Candidate>;
  } = {
    ...{ of: undefined, limits: undefined, known: new WeakMap() },
  };

  /** Chooses the groups that become look-ups: the smallest first, as long as they fit. Depends on the state alone. */
  choose(
    asked: Iterable<Asked>,
    sets: ReadonlyMap<SetId, MemberSet>,
    family: Family,
    limits: LookupLimits,
  ): Choice {
    const factsOf = sourceFacts(sets, family);
    if (this.#candidates.of !== sets || this.#candidates.limits !== limits)
      this.#candidates = { of: sets, limits, known: new WeakMap() };
    const { known } = this.#candidates;
    const candidates = [...asked]
      .map(({ group, direction }) => {
        let candidate = known.get(group);
        if (candidate === undefined) {
          const plan = this.#planOf(group, direction, factsOf, limits, true);
          known.set(group, (candidate = { group, direction, plan, size: sizeOf(plan, factsOf) }));
        }
        return candidate;
      })
      .filter(({ size }) => size.largest <= limits.membersPerSet)
      .toSorted((a, b) => a.size.sum - b.size.sum || (a.group.key < b.group.key ? -1 : 1));
    const plans = new Map<AllowGroup, LookupPlan>();
    const derivations = new Map<SetId, Derived>();
    const derived = new Map<SetId, DerivedSet>();
    let room = limits.members;
    let counted = limits.countedMembers;
    for (const { group, direction, plan: whole, size } of candidates) {
      room -= size.sum;
      if (room < 0) break;
      counted -= size.sum;
      const plan = counted < 0 ? this.#planOf(group, direction, factsOf, limits, false) : whole;
      plans.set(group, plan);
      for (const one of plan.derived) {
        if (derivations.has(one.id)) continue;
        const before = this.#derivations.get(one.id);
        derivations.set(
          one.id,
          before?.of === one && before.from === sets
            ? before
            : { of: one, from: sets, made: derive(one, sets, family, before?.made) },
        );
        derived.set(one.id, one);
      }
    }
    this.#derivations = derivations;
    return { plans, sets: new Map([...derivations].map(([id, { made }]) => [id, made.set])), derived };
  }

  #planOf(
    group: AllowGroup,
    direction: Direction,
    factsOf: ReturnType<typeof sourceFacts>,
    limits: LookupLimits,
    counted: boolean,
  ): LookupPlan {
    const fates = fatesOf(group, factsOf, limits);
    const text = fates.join();
    const plans = this.#plans[counted ? 'counted' : 'uncounted'];
    const known = plans.get(group);
    if (known?.fates === text) return known.plan;
    const plan = lookupPlan(group, fates, direction, limits, counted);
    plans.set(group, { fates: text, plan });
    return plan;
  }
}
