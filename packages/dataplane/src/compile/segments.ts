import type { ActivePolicy, Direction, NodeState, PolicyKey, TierPlan } from '@muslin/api';
import type { Family } from '@muslin/net';
import {
  type AllowGroup,
  allowGroup,
  groupKey,
  type NamedRule,
  namedRules,
  onlyAllows,
} from '../lookups/allow-group.ts';
import type { LookupLimits } from '../lookups/limits.ts';
import { sameList } from './cache.ts';

/** A stretch of a tier's list: policies that only allow, or one whose rules must be asked in order. */
export type Segment =
  | { readonly kind: 'group'; readonly group: AllowGroup }
  | { readonly kind: 'policy'; readonly policy: ActivePolicy };

/** A tier's list cut into stretches. */
export interface Segments {
  /** What was there to be enforced; equal lists have equal segments. */
  readonly of: readonly (ActivePolicy | PolicyKey)[];
  readonly list: readonly Segment[];
}

/** What `segmentsOf` remembers for one direction. */
export interface SegmentCache {
  readonly byPlan: WeakMap<TierPlan, Segments>;
  readonly rules: WeakMap<ActivePolicy, readonly NamedRule[]>;
  /** Groups of the compilation under way, and those of the one before. */
  groups: Map<string, AllowGroup>;
  earlier: ReadonlyMap<string, AllowGroup>;
}

/** Cuts a tier's list; without limits every policy stands alone. Staged policies are not in it. */
export function segmentsOf(
  plan: TierPlan,
  direction: Direction,
  state: NodeState,
  family: Family,
  limits: LookupLimits | undefined,
  cache: SegmentCache,
): Segments {
  const of: (ActivePolicy | PolicyKey)[] = [];
  for (const key of plan.policies) {
    const policy = state.policies.get(key);
    if (policy === undefined) of.push(key);
    else if (!policy.staged) of.push(policy);
  }
  const known = cache.byPlan.get(plan);
  if (known !== undefined && sameList(known.of, of)) {
    for (const segment of known.list)
      if (segment.kind === 'group') cache.groups.set(segment.group.key, segment.group);
    return known;
  }
  const rulesOf = (policy: ActivePolicy) => {
    let rules = cache.rules.get(policy);
    if (rules === undefined) {
      rules = namedRules(policy, direction, family, limits?.portsPerRule ?? 0);
      cache.rules.set(policy, rules);
    }
    return rules;
  };
  const list: Segment[] = [];
  let run: ActivePolicy[] = [];
  const close = () => {
    if (run.length === 0 || limits === undefined) return;
    const key = groupKey(run, direction);
    const same = [cache.groups.get(key), cache.earlier.get(key)].find(
      group => group !== undefined && sameList(group.policies, run),
    );
    const group = same ?? allowGroup(key, run, rulesOf);
    cache.groups.set(group.key, group);
    list.push({ kind: 'group', group });
    run = [];
  };
  for (const policy of of) {
    // One that is named but missing has no rules; it only counts for the end of the tier.
    if (typeof policy === 'string' || policy[direction].length === 0) continue;
    if (limits !== undefined && onlyAllows(policy, direction)) run.push(policy);
    else {
      close();
      list.push({ kind: 'policy', policy });
    }
  }
  close();
  const segments = { of, list };
  cache.byPlan.set(plan, segments);
  return segments;
}
