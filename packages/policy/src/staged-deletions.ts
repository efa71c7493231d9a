import type {
  ActiveDeletion,
  Direction,
  EndpointPlan,
  NodeState,
  ObjectRef,
  Policy,
  PolicyKey,
  Snapshot,
  TierPlan,
} from '@muslin/api';
import { applyChange } from './applied-change.ts';
import { decide } from './decide.ts';
import type { Explanation } from './flow.ts';
import type { PolicyView } from './policy-view.ts';
import type { Decision, Packet, PolicyTrace } from './trace.ts';

/** A policy that a staged one of its name would take away (`stagedAction: Delete`). */
export interface StagedDeletion {
  readonly staged: ObjectRef;
  readonly policy: ObjectRef;
  readonly key: PolicyKey;
  /** The snapshot without it. */
  readonly after: Snapshot;
}

/** All that are staged and would take away something. */
export function stagedDeletions(snapshot: Snapshot): readonly StagedDeletion[] {
  return [...snapshot.policies.values()].flatMap(({ source: staged, removes: key }) => {
    const policy = key === undefined ? undefined : snapshot.policies.get(key)?.source;
    if (key === undefined || policy === undefined) return [];
    return [{ staged, policy, key, after: applyChange(snapshot, { type: 'policy', key, value: undefined }) }];
  });
}

/** Those that are about policies of a node, in order of their keys; undefined: none. */
export function activeDeletions(
  policies: Iterable<Policy>,
  active: NodeState['policies'],
): ReadonlyMap<PolicyKey, ActiveDeletion> | undefined {
  const found: [PolicyKey, ActiveDeletion][] = [];
  for (const { key, source, removes } of policies)
    if (removes !== undefined && active.has(removes)) found.push([key, { source, removes }]);
  return found.length === 0 ? undefined : new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Whether the policy was asked about the flow: else its absence changes nothing. */
export function wasAsked({ paths }: Explanation, key: PolicyKey): boolean {
  return paths
    .flatMap(path => [path.egress, ...path.crossings, path.ingress])
    .some(decision => askedIn(decision, key) !== undefined);
}

function askedIn({ tiers }: Decision, key: PolicyKey): PolicyTrace | undefined {
  return tiers.flatMap(tier => tier.policies).find(({ policy }) => policy === key);
}

/** What one end of a connection would answer without a policy that it asked. */
export interface AnswerWithout {
  /** The one that proposes it. */
  readonly staged: ObjectRef;
  readonly policy: ObjectRef;
  readonly answer: Decision['answer'];
}

/** What each staged deletion of a node would make of a decision of one of its endpoints; about the same packet. */
export function answersWithout(
  decision: Decision,
  deletions: NodeState['deletions'],
  plan: EndpointPlan,
  view: PolicyView,
  packet: Packet,
): readonly AnswerWithout[] {
  return [...(deletions?.values() ?? [])].flatMap(({ source: staged, removes }): readonly AnswerWithout[] => {
    const asked = askedIn(decision, removes);
    if (asked === undefined) return [];
    const { answer } = decide(withoutPolicy(plan, removes), view, packet, decision.direction);
    return [{ staged, policy: asked.source, answer }];
  });
}

/** The plan that the endpoint would have if there were no such policy. */
export function withoutPolicy(plan: EndpointPlan, key: PolicyKey): EndpointPlan {
  const of = (direction: Direction): readonly TierPlan[] =>
    plan.tiers[direction]
      .map(tier => ({ ...tier, policies: tier.policies.filter(policy => policy !== key) }))
      .filter(({ policies }) => policies.length > 0);
  return { ...plan, tiers: { ingress: of('ingress'), egress: of('egress') } };
}
