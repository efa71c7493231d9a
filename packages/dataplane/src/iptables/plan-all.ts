import type { MemberSet, SetId } from '@muslin/api';
import { CHAIN_PREFIX } from '../chain-name.ts';
import type { ActualSet, SetPlan } from '../ipset/plan.ts';
import { planSets } from '../ipset/plan.ts';
import { desiredSets, type Ipset } from '../ipset/set.ts';
import { type Ruleset, setsUsed } from '../ir/ruleset.ts';
import { setName } from '../set-name.ts';
import { mayMix, plainId, setAside } from './aside.ts';
import { planTable, type TablePlan } from './plan.ts';
import { type RenderedTable, renderTables } from './render.ts';
import type { SavedTable } from './saved.ts';

/** What iptables and ipset should hold, and how they get there. */
export interface IptablesPlan {
  readonly sets: ReadonlyMap<string, Ipset>;
  readonly tables: readonly RenderedTable[];
  readonly setPlan: SetPlan;
  readonly tablePlans: readonly TablePlan[];
  /** Sets that have their other name now: hand them in the next time. */
  readonly aside: ReadonlySet<SetId>;
}

/** What is there. */
export interface IptablesActual {
  readonly sets: ReadonlyMap<string, ActualSet>;
  readonly saved: (table: Pick<RenderedTable, 'family' | 'table'>) => SavedTable;
}

/** Larger sets are changed in place, whatever that means for a packet within these milliseconds. */
const ASIDE_MEMBERS = 4096;

/**
 * Plans rules and sets of all families such that every packet meets what was meant before or what is meant afterwards:
 * members before rules and rules before removals where that can't be told apart, else sets aside.
 */
export function planIptables(
  lowered: readonly Ruleset[],
  states: ReadonlyMap<SetId, MemberSet>,
  actual: IptablesActual,
  before: ReadonlySet<SetId>,
): IptablesPlan {
  const used = new Set(lowered.flatMap(ruleset => [...setsUsed(ruleset).keys()]));
  const kept = new Set([...before].filter(id => used.has(id)));
  const first = planWith(lowered, states, actual, kept);
  if (first.setPlan.change.length === 0) return first;
  const rulesToo = first.tablePlans.some(plan =>
    plan.rewrite.some(({ name }) => actual.saved(plan).chains.has(name) && !DISPATCH.has(name)),
  );
  const changed = changedIds(first.setPlan, lowered, first.aside, states);
  if (!rulesToo && lowered.every(ruleset => mayMix(ruleset, new Set(changed.keys())))) return first;
  const aside = new Set(kept);
  for (const [id, size] of changed) if (size <= ASIDE_MEMBERS && !aside.delete(id)) aside.add(id);
  return planWith(lowered, states, actual, aside);
}

/** The sets whose members a plan changes, with their sizes. */
function changedIds(
  { change }: SetPlan,
  lowered: readonly Ruleset[],
  aside: ReadonlySet<SetId>,
  states: ReadonlyMap<SetId, MemberSet>,
): ReadonlyMap<SetId, number> {
  const sizes = new Map(change.map(({ set }) => [set.name, set.members.size]));
  const found = new Map<SetId, number>();
  for (const ruleset of lowered)
    for (const id of setsUsed(setAside(ruleset, aside, states)).keys()) {
      const size = sizes.get(setName(id, ruleset.family));
      if (size !== undefined) found.set(plainId(id), Math.max(size, found.get(plainId(id)) ?? 0));
    }
  return found;
}

/**
 * Only the members of sets that are there, for when rules must wait for a tool that takes long: undefined when nothing
 * changes, or when `loaded` rules or those to come could not stand beside them.
 */
export function planMembers(
  lowered: readonly Ruleset[],
  loaded: readonly Ruleset[],
  states: ReadonlyMap<SetId, MemberSet>,
  actual: ReadonlyMap<string, ActualSet>,
  aside: ReadonlySet<SetId>,
): SetPlan | undefined {
  const wanted = desiredSets(states, ...lowered.map(ruleset => setAside(ruleset, aside, states)));
  const { change } = planSets(wanted, actual);
  const plan: SetPlan = { create: [], replace: [], change, destroy: [] };
  const changed = new Set(changedIds(plan, lowered, aside, states).keys());
  const fits = [...lowered, ...loaded].every(ruleset => mayMix(ruleset, changed));
  return change.length > 0 && fits ? plan : undefined;
}

/** A pod that comes or goes changes these, and nothing for the others. */
const DISPATCH = new Set(['from', 'to'].map(name => `${CHAIN_PREFIX}${name}`));

function planWith(
  lowered: readonly Ruleset[],
  states: ReadonlyMap<SetId, MemberSet>,
  actual: IptablesActual,
  aside: ReadonlySet<SetId>,
): IptablesPlan {
  const rulesets = lowered.map(ruleset => setAside(ruleset, aside, states));
  const tables = rulesets.flatMap(renderTables);
  const sets = desiredSets(states, ...rulesets);
  return {
    sets,
    tables,
    aside,
    setPlan: planSets(sets, actual.sets),
    tablePlans: tables.map(table => planTable(table, actual.saved(table))),
  };
}
