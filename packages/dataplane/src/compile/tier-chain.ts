import type { ActivePolicy, Direction, TierPlan } from '@muslin/api';
import { chainName } from '../chain-name.ts';
import type { Counted } from '../counters/counted.ts';
import type { Chain, Rule } from '../ir/ruleset.ts';
import type { LookupPlan } from '../lookups/lookup-plan.ts';
import type { Marks, NodeConfig } from './config.ts';
import { deniedNote, endOfTier } from './denied-note.ts';
import { allowAction } from './policy-chains.ts';

/** A stretch of a tier as it is asked: a policy's chain of rules, or the look-ups of several that only allow. */
export type TierPart =
  | { readonly policy: ActivePolicy; readonly chain: Chain }
  | { readonly lookups: LookupPlan };

/** A tier as one chain, and whether it can come back with the allow bit set. */
export interface TierChain {
  readonly chain: Chain;
  readonly allows: boolean;
}

/**
 * One tier's list of policies as one chain, shared by every endpoint that has the same list (the name is a
 * digest of the list). It drops what the tier denies; it returns with the allow bit set (egress only) when a
 * policy allowed, and without it when the next tier must be asked. It clears the bits it uses, so what the
 * packet carried before means nothing. `keys` are the policies that are enforced, missing ones included.
 */
export function tierChain(
  plan: TierPlan,
  direction: Direction,
  keys: readonly string[],
  parts: readonly TierPart[],
  marks: Marks,
  deniedLog: NodeConfig['deniedLog'],
): TierChain {
  const role = direction === 'ingress' ? 'ti' : 'te';
  return chainOf(plan, direction, keys, parts, marks, role, direction === 'egress', deniedLog);
}

/** A tier of a host endpoint: a chain for each policy, and Allow is never final. */
export function hostTierChain(
  plan: TierPlan,
  direction: Direction,
  keys: readonly string[],
  parts: readonly TierPart[],
  marks: Marks,
): TierChain {
  return chainOf(
    plan,
    direction,
    keys,
    parts,
    marks,
    direction === 'ingress' ? 'hti' : 'hte',
    true,
    undefined,
  );
}

function chainOf(
  plan: TierPlan,
  direction: Direction,
  keys: readonly string[],
  parts: readonly TierPart[],
  marks: Marks,
  role: string,
  marking: boolean,
  deniedLog: NodeConfig['deniedLog'],
): TierChain {
  const rules: Rule[] = [];
  let tested = 0;
  for (const part of parts) {
    if ('lookups' in part) {
      const action = allowAction(direction);
      for (const lookup of part.lookups.lookups) rules.push({ ...lookup, action });
      if (marking && part.lookups.lookups.length > 0) tested |= marks.allow;
      continue;
    }
    const { policy, chain } = part;
    if (chain.rules.length === 0) continue;
    rules.push({ matches: [], action: { kind: 'jump', chain: chain.name } });
    let bits = 0;
    if (marking && policy[direction].some(rule => rule.action === 'Allow')) bits |= marks.allow;
    if (policy[direction].some(rule => rule.action === 'Pass')) bits |= marks.pass;
    if (bits === 0) continue;
    tested |= bits;
    rules.push({
      matches: [{ kind: 'mark', value: 0, mask: bits >>> 0, not: true }],
      action: { kind: 'return' },
    });
  }
  if (tested !== 0) rules.unshift({ matches: [], action: { kind: 'mark', value: 0, mask: tested >>> 0 } });
  if (plan.defaultAction === 'Deny' && keys.length > 0) {
    const { tier } = plan;
    const counts: Counted = { kind: 'end of tier', tier, direction };
    const end: Rule = { matches: [], action: { kind: 'drop' }, comment: endOfTier(tier), counts };
    rules.push(...deniedNote(end, direction, deniedLog), end);
  }
  const subject = `_${[plan.tier, plan.defaultAction, ...keys].join(' ')}`;
  const name = chainName(role, subject);
  return { chain: { name, rules }, allows: (tested & marks.allow) !== 0 };
}
