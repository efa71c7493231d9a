import type { Direction, EndpointPlan, TierPlan } from '@muslin/api';
import type { PolicyView } from './policy-view.ts';
import { matchRule, type PreparedPacket, preparePacket } from './rule-match.ts';
import type { Decision, Packet, PolicyTrace, Reason, RuleTrace, TierTrace } from './trace.ts';

/**
 * Asks the policies of one endpoint about a packet that opens a connection. The only evaluator: `verdict`, the
 * laboratory and the flow log all call it.
 *
 * Tier by tier, policy by policy, rule by rule; the first rule that matches decides. `Pass` goes on with the next
 * tier, `Log` with the next rule. A tier in which no enforced policy decided does what its `defaultAction` says; past
 * the last tier the packet is allowed. Staged policies are asked and have no say.
 */
export function decide(plan: EndpointPlan, view: PolicyView, packet: Packet, direction: Direction): Decision {
  const asked = askTiers(plan.tiers[direction], view, preparePacket(packet), direction);
  const isolated = asked.tiers.some(tier => tier.outcome !== 'staged-only');
  const open: Answer = { answer: 'allow', because: { code: isolated ? 'past-last-tier' : 'no-policy' } };
  return { direction, endpoint: plan.key, ...(asked.decided ?? open), tiers: asked.tiers };
}

type Answer = Pick<Decision, 'answer' | 'because'>;

/** What a list of tiers came to: `decided` is absent when every one passed the packet on. */
export interface Asked {
  readonly tiers: readonly TierTrace[];
  readonly decided: Answer | undefined;
}

/** Asks tiers in order until one decides. */
export function askTiers(
  plans: readonly TierPlan[],
  view: PolicyView,
  packet: PreparedPacket,
  direction: Direction,
): Asked {
  const tiers: TierTrace[] = [];
  for (const plan of plans) {
    const trace = askTier(plan, view, packet, direction);
    tiers.push(trace);
    if (trace.outcome === 'default-deny')
      return { tiers, decided: { answer: 'deny', because: tierDefault(trace) } };
    if (trace.outcome === 'allow' || trace.outcome === 'deny')
      return { tiers, decided: { answer: trace.outcome, because: deciding(trace) } };
  }
  return { tiers, decided: undefined };
}

const OUTCOME = { Allow: 'allow', Deny: 'deny', Pass: 'pass' } as const;

function askTier(plan: TierPlan, view: PolicyView, packet: PreparedPacket, direction: Direction): TierTrace {
  const policies: PolicyTrace[] = [];
  let bites = false;
  for (const key of plan.policies) {
    const policy = view.policy(key);
    // A plan names only active policies; a hole would be a bug that must not open the tier.
    if (policy === undefined) throw new Error(`policy ${key} of the plan is not active`);
    const rules = askRules(policy[direction], view, packet);
    const last = rules.at(-1);
    const action = last?.matched ? last.rule.action : 'Log';
    const outcome = action === 'Log' ? 'no-match' : action;
    policies.push({ policy: key, source: policy.source, staged: policy.staged, rules, outcome });
    if (policy.staged) continue;
    bites = true;
    if (outcome !== 'no-match') return { tier: plan.tier, policies, outcome: OUTCOME[outcome] };
  }
  const outcome = !bites ? 'staged-only' : plan.defaultAction === 'Deny' ? 'default-deny' : 'default-pass';
  return { tier: plan.tier, policies, outcome };
}

/** All rules up to the first that matches and ends the policy. */
function askRules(rules: PolicyRules, view: PolicyView, packet: PreparedPacket): readonly RuleTrace[] {
  const traces: RuleTrace[] = [];
  for (const rule of rules) {
    const trace = matchRule(rule, packet, view);
    traces.push(trace);
    if (trace.matched && rule.action !== 'Log') break;
  }
  return traces;
}

type PolicyRules = readonly RuleTrace['rule'][];

function tierDefault({ tier, policies }: TierTrace): Reason {
  return {
    code: 'tier-default',
    tier,
    policies: policies.filter(policy => !policy.staged).map(policy => policy.policy),
  };
}

function deciding({ tier, policies }: TierTrace): Reason {
  const policy = policies.at(-1);
  const trace = policy?.rules.at(-1);
  if (policy === undefined || trace === undefined) throw new Error(`tier ${tier} decided without a rule`);
  return {
    code: 'rule',
    tier,
    policy: policy.policy,
    source: policy.source,
    path: trace.rule.path,
    members: trace.members,
  };
}
