/**
 * What policies mean: the specification, the questions people ask about it, and the incremental graph that equals it.
 *
 * @packageDocumentation
 */
export { applyChange } from './applied-change.ts';
export { type ConnectionGroup, type ConnectivityDiff, diffConnectivity } from './connectivity-diff.ts';
export { decide } from './decide.ts';
export {
  decideHost,
  hostAtLink,
  type HostQuestion,
  type HostStage,
  type PlacedHost,
} from './decide-host.ts';
export { DEFAULT_FAILSAFE, failsafeOf, hostPlan } from './host-plan.ts';
export { applyDelta, EMPTY_NODE_STATE, isEmptyDelta } from './delta.ts';
export {
  asOf,
  type EnforcedHere,
  isOld,
  type NodeReport,
  nodeReport,
  POLICY_KINDS,
  type PolicyRow,
  type PolicyState,
  policyRow,
  selectedPods,
  type WrittenPolicy,
} from './enforcement.ts';
export { explain, formatFlow, formatRef } from './explain.ts';
export { endpointPlan, isLocal } from './endpoint-plan.ts';
export { EDIT_KINDS, type Edit, flips, flipsTogether } from './flip.ts';
export {
  type EndIdentity,
  type Explanation,
  type Flow,
  type FlowEnd,
  type FlowFault,
  formatFlowEnd,
  type Note,
  type PathExplanation,
} from './flow.ts';
export { type ElsewhereChange, Graph } from './graph.ts';
export { Interests, type NodeInterest, type SharedNews } from './interests.ts';
export { type HostViews, HostWay } from './host-way.ts';
export { Judge } from './judge.ts';
export { type PodTunnels, refusedTunnel } from './pod-tunnels.ts';
export { type PolicyView, viewOf } from './policy-view.ts';
export {
  type Dialled,
  PORT_OF_SILENT_ENDS,
  type Reachability,
  type ReachOptions,
  type ReachRow,
  reach,
} from './reach.ts';
export { readHostPortEnd } from './reach-host-ports.ts';
export { withStagedInForce } from './staged-in-force.ts';
export { type AnswerWithout, answersWithout, withoutPolicy } from './staged-deletions.ts';
export { type ResolvedPolicy, resolvePolicy } from './resolved-policy.ts';
export { type SetMeaning, setIdOf } from './set-meaning.ts';
export { membersOf, nodeState } from './specification.ts';
export type {
  Decision,
  MatchedMember,
  Packet,
  PolicyTrace,
  Reason,
  RulePart,
  RuleTrace,
  Side,
  TierTrace,
} from './trace.ts';
export { verdict } from './verdict.ts';
