import {
  type ActivePolicy,
  type Endpoint,
  type EndpointKey,
  type EndpointPlan,
  effectiveHostLabels,
  effectiveLabels,
  effectiveNetworkSetLabels,
  type HostEndpoint,
  type HostPlan,
  type HostState,
  type Labels,
  type MemberSet,
  matchesSelector,
  type NetworkSetFacts,
  type NodeState,
  type Policy,
  type PolicyKey,
  type SetId,
  type Snapshot,
} from '@muslin/api';
import { appliesToPods, endpointPlan, isLocal } from './endpoint-plan.ts';
import { failsafeOf, hostPlan } from './host-plan.ts';
import { resolvePolicy } from './resolved-policy.ts';
import {
  kindOf,
  membersOfEndpoint,
  membersOfNetworkSet,
  membersOfNode,
  membersOfService,
  type SetMeaning,
} from './set-meaning.ts';
import { activeDeletions } from './staged-deletions.ts';

/**
 * What one node must enforce: the specification. A plain function of the whole snapshot; `Graph` must always equal it.
 *
 * Dangling references are no faults: a policy of an unknown tier is asked last, an unknown Service has no members, an
 * unknown namespace hands down no labels.
 */
export function nodeState(snapshot: Snapshot, node: string): NodeState {
  const endpoints = new Map<EndpointKey, EndpointPlan>();
  const policies = new Map<PolicyKey, ActivePolicy>();
  const sets = new Map<SetId, MemberSet>();
  const use = (selecting: readonly Policy[]) => {
    for (const policy of selecting) {
      if (policies.has(policy.key)) continue;
      const resolved = resolvePolicy(policy);
      policies.set(policy.key, resolved.active);
      for (const [id, meaning] of resolved.sets) sets.set(id, membersOf(snapshot, meaning));
    }
  };
  for (const endpoint of snapshot.endpoints.values()) {
    if (!isLocal(endpoint, node)) continue;
    const selecting = policiesSelecting(snapshot, endpoint);
    endpoints.set(endpoint.key, endpointPlan(endpoint, selecting, snapshot.tiers));
    use(selecting);
  }
  const hosts = hostState(snapshot, node, use);
  const deletions = activeDeletions(snapshot.policies.values(), policies);
  return {
    ...{ endpoints, policies, sets },
    ...(hosts !== undefined && { hosts }),
    ...(deletions !== undefined && { deletions }),
  };
}

/** The host endpoints of a node; undefined when there is none. */
export function hostState(
  snapshot: Snapshot,
  node: string,
  use: (selecting: readonly Policy[]) => void = () => {},
): HostState | undefined {
  const plans = new Map<EndpointKey, HostPlan>();
  for (const host of hostsOf(snapshot, node)) {
    const selecting = policiesSelectingHost(snapshot, host);
    plans.set(host.key, hostPlan(host, selecting, snapshot.tiers));
    use(selecting);
  }
  if (plans.size === 0) return undefined;
  return { plans, failsafe: failsafeOf(snapshot.felix, node, snapshot.nodes.get(node)?.labels) };
}

/** The host endpoints of a node by key. */
export function hostsOf(snapshot: Snapshot, node: string): readonly HostEndpoint[] {
  return [...snapshot.hostEndpoints.values()]
    .filter(host => host.node === node)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The policies that isolate the host endpoint in some direction. */
function policiesSelectingHost(snapshot: Snapshot, host: HostEndpoint): readonly Policy[] {
  const labels = hostLabelsOf(snapshot, host);
  return [...snapshot.policies.values()].filter(
    policy => policy.directions.size > 0 && matchesSelector(policy.selector, labels),
  );
}

/** What selectors see on a host endpoint of this snapshot. */
export function hostLabelsOf(snapshot: Snapshot, host: HostEndpoint): Labels {
  return effectiveHostLabels(
    host,
    name => snapshot.namespaces.get(name),
    key => snapshot.serviceAccounts.get(key),
  );
}

/** The policies that isolate the endpoint in some direction. */
export function policiesSelecting(snapshot: Snapshot, endpoint: Endpoint): readonly Policy[] {
  const labels = labelsOf(snapshot, endpoint);
  return [...snapshot.policies.values()].filter(
    policy => policy.directions.size > 0 && appliesToPods(policy) && matchesSelector(policy.selector, labels),
  );
}

/** The members of a set, over the whole cluster and both families. */
export function membersOf(snapshot: Snapshot, meaning: SetMeaning): MemberSet {
  const members = new Set<string>();
  const take = (list: readonly string[]) => {
    for (const member of list) members.add(member);
  };
  for (const endpoint of snapshot.endpoints.values())
    take(membersOfEndpoint(meaning, endpoint, labelsOf(snapshot, endpoint)));
  for (const host of snapshot.hostEndpoints.values())
    take(membersOfEndpoint(meaning, host, hostLabelsOf(snapshot, host)));
  for (const networkSet of snapshot.networkSets.values())
    take(membersOfNetworkSet(meaning, networkSet, networkSetLabelsOf(snapshot, networkSet)));
  for (const node of snapshot.nodes.values()) take(membersOfNode(meaning, node));
  if ('service' in meaning) {
    const service = snapshot.services.get(meaning.service);
    if (service !== undefined) take(membersOfService(meaning, service));
  }
  return { kind: kindOf(meaning), members };
}

/** What selectors see on an endpoint of this snapshot. */
export function labelsOf(snapshot: Snapshot, endpoint: Endpoint): Labels {
  return effectiveLabels(
    endpoint,
    snapshot.namespaces.get(endpoint.namespace),
    snapshot.serviceAccounts.get(`${endpoint.namespace}/${endpoint.serviceAccount}`),
  );
}

/** What selectors see on a network set of this snapshot. */
export function networkSetLabelsOf(snapshot: Snapshot, networkSet: NetworkSetFacts): Labels {
  const { namespace } = networkSet;
  return effectiveNetworkSetLabels(
    networkSet,
    namespace === undefined ? undefined : snapshot.namespaces.get(namespace),
  );
}
