import {
  type ActivePolicy,
  type Endpoint,
  type EndpointKey,
  type EndpointPlan,
  effectiveLabels,
  effectiveNetworkSetLabels,
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
import { endpointPlan, isLocal } from './endpoint-plan.ts';
import { resolvePolicy } from './resolved-policy.ts';
import {
  kindOf,
  membersOfEndpoint,
  membersOfNetworkSet,
  membersOfService,
  type SetMeaning,
} from './set-meaning.ts';

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
  for (const endpoint of snapshot.endpoints.values()) {
    if (!isLocal(endpoint, node)) continue;
    const selecting = policiesSelecting(snapshot, endpoint);
    endpoints.set(endpoint.key, endpointPlan(endpoint, selecting, snapshot.tiers));
    for (const policy of selecting) {
      if (policies.has(policy.key)) continue;
      const resolved = resolvePolicy(policy);
      policies.set(policy.key, resolved.active);
      for (const [id, meaning] of resolved.sets) sets.set(id, membersOf(snapshot, meaning));
    }
  }
  return { endpoints, policies, sets };
}

/** The policies that isolate the endpoint in some direction. */
export function policiesSelecting(snapshot: Snapshot, endpoint: Endpoint): readonly Policy[] {
  const labels = labelsOf(snapshot, endpoint);
  return [...snapshot.policies.values()].filter(
    policy => policy.directions.size > 0 && matchesSelector(policy.selector, labels),
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
  for (const networkSet of snapshot.networkSets.values())
    take(membersOfNetworkSet(meaning, networkSet, networkSetLabelsOf(snapshot, networkSet)));
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
