import type { NodeFacts } from '@muslin/api';
import { formatIp } from '@muslin/net';
import { asNumberOf, type ClusterFacts, configurationOf } from './cluster-facts.ts';
import type { DesiredPeer } from './desired-peer.ts';
import type { Problem } from './problem.ts';
import { protection, restartTime, sessionBase, sessionEnds } from './session-base.ts';

/** The node-to-node mesh: a session with every node; route reflectors have left it. */
export function meshPeers(facts: ClusterFacts, node: NodeFacts, problems: Problem[]): readonly DesiredPeer[] {
  const configuration = configurationOf(facts, node.name);
  const { nodeToNodeMeshEnabled, nodeMeshMaxRestartTime, nodeMeshPassword } = configuration;
  if (!nodeToNodeMeshEnabled || node.routeReflectorClusterId !== undefined) return [];
  const { key, held } = protection(
    facts,
    nodeMeshPassword,
    `BGPConfiguration ${configuration.name}`,
    problems,
  );
  return [...facts.nodes.values()].flatMap((other): DesiredPeer[] => {
    if (other.name === node.name || other.routeReflectorClusterId !== undefined) return [];
    const ends = sessionEnds(node, other);
    if (ends === undefined) return [];
    const asNumber = asNumberOf(facts, other);
    return [
      {
        config: {
          ...sessionBase(facts, node, ends.remote, []),
          nextHop: 'auto',
          remoteAs: asNumber,
          // Exactly one side calls; Calico decides by comparing addresses as text, and so must its neighbours.
          passive: formatIp(ends.remote) > formatIp(ends.local),
          transport: {
            source: ends.local,
            port: configurationOf(facts, other.name).listenPort,
            ...(key === undefined ? {} : { passwordKey: key }),
          },
          ...restartTime(nodeMeshMaxRestartTime),
          ...(held === undefined ? {} : { enabled: false }),
        },
        type: 'NodeMesh',
        asNumber,
        internal: asNumber === asNumberOf(facts, node),
        origin: 'the node mesh',
        missingFilters: [],
        ...(held === undefined ? {} : { held }),
      },
    ];
  });
}
