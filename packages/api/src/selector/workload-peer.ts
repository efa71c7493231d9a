import type { BgpPeerFacts } from '../model/bgp.ts';
import type { Labels } from '../model/selector.ts';
import type { Endpoint, NamespaceFacts, NodeFacts, ServiceAccountFacts } from '../model/snapshot.ts';
import { effectiveLabels } from './effective-labels.ts';
import { matchesSelector } from './selector-algebra.ts';

/** What tells which pods of a node are its BGP peers. */
export interface WorkloadPeerFacts {
  readonly peers: ReadonlyMap<string, BgpPeerFacts>;
  readonly namespaces: ReadonlyMap<string, NamespaceFacts>;
  /** By `namespace/name`. */
  readonly serviceAccounts: ReadonlyMap<string, ServiceAccountFacts>;
}

/** Whether a BGPPeer is about a node (spec.node, spec.nodeSelector). */
export function isForNode({ scope }: BgpPeerFacts, { name, labels }: NodeScope): boolean {
  switch (scope.type) {
    case 'all':
      return true;
    case 'node':
      return scope.name === name;
    case 'nodes':
      return matchesSelector(scope.selector, labels);
  }
}

type NodeScope = Pick<NodeFacts, 'name' | 'labels'>;

/** BGPPeers that make pods of this node its peers, by name. */
export function workloadPeers(
  peers: ReadonlyMap<string, BgpPeerFacts>,
  node: NodeScope,
): readonly BgpPeerFacts[] {
  return [...peers.values()]
    .filter(peer => peer.target.type === 'workloads' && isForNode(peer, node))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The BGPPeer by which a pod is a peer of the node that it runs on (BGPPeer spec.localWorkloadSelector): of those that select
 * it the first by name. A pod of another node, or in the network of its node, is none.
 */
export function workloadPeerOf(
  facts: WorkloadPeerFacts,
  node: NodeScope,
  pod: Endpoint,
): BgpPeerFacts | undefined {
  if (pod.node !== node.name || pod.hostNetwork) return undefined;
  const candidates = workloadPeers(facts.peers, node);
  if (candidates.length === 0) return undefined;
  const { namespace, serviceAccount } = pod;
  const labels: Labels = effectiveLabels(
    pod,
    facts.namespaces.get(namespace),
    facts.serviceAccounts.get(`${namespace}/${serviceAccount}`),
  );
  return candidates.find(
    ({ target }) => target.type === 'workloads' && matchesSelector(target.selector, labels),
  );
}
