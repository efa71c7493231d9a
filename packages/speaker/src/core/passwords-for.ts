import { isForNode, matchesSelector, type SecretKeyRef } from '@muslin/api';
import { type ClusterFacts, configurationOf } from './cluster-facts.ts';
import { policiesFor } from './session-traits.ts';

/** The Secrets, and the keys in them, that a node's sessions take their passwords from: no others are read. */
export function passwordsFor(facts: ClusterFacts, nodeName: string): ReadonlyMap<string, readonly string[]> {
  const node = facts.nodes.get(nodeName);
  if (node === undefined) return new Map();
  const refs: (SecretKeyRef | undefined)[] = [];
  const { nodeToNodeMeshEnabled, nodeMeshPassword } = configurationOf(facts, nodeName);
  if (nodeToNodeMeshEnabled) refs.push(nodeMeshPassword);
  for (const peer of facts.peers.values()) {
    const { target, password, reversePeering } = peer;
    const mine = isForNode(peer, node);
    const answers =
      target.type === 'nodes' && reversePeering !== 'Manual' && matchesSelector(target.selector, node.labels);
    if (mine || answers) refs.push(password);
  }
  for (const { listenRanges, interfaces } of policiesFor(facts, node))
    refs.push(...[...listenRanges, ...interfaces].map(({ password }) => password));
  const found = new Map<string, Set<string>>();
  for (const ref of refs)
    if (ref !== undefined) found.set(ref.name, (found.get(ref.name) ?? new Set()).add(ref.key));
  return new Map(
    [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, keys]) => [name, [...keys].sort()]),
  );
}
