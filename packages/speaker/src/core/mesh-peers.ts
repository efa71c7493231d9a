import type { NodeFacts } from '@muslin/api';
import { formatIp, type Ip } from '@muslin/net';
import { asNumberOf, type ClusterFacts, configurationOf } from './cluster-facts.ts';
import type { DesiredPeer } from './desired-peer.ts';
import type { Heard } from './heard.ts';
import type { Problem } from './problem.ts';
import { protection, restartTime, sessionBase, sessionEnds } from './session-base.ts';

/**
 * The node-to-node mesh: a session with every node; route reflectors have left it. A node that turned out to carry only the
 * family of its session, as Calico's do, gets one for the other family, too.
 */
export function meshPeers(
  facts: ClusterFacts,
  node: NodeFacts,
  heard: Heard,
  problems: Problem[],
): readonly DesiredPeer[] {
  const configuration = configurationOf(facts, node.name);
  const { nodeToNodeMeshEnabled, nodeMeshPassword } = configuration;
  if (!nodeToNodeMeshEnabled || node.routeReflectorClusterId !== undefined) return [];
  const object = `BGPConfiguration ${configuration.name}`;
  const secret = protection(facts, nodeMeshPassword, object, problems);
  return [...facts.nodes.values()].flatMap((other): readonly DesiredPeer[] => {
    if (other.name === node.name || other.routeReflectorClusterId !== undefined) return [];
    const ends = sessionEnds(node, other);
    if (ends === undefined) return [];
    const both = meshPeer(facts, node, other, ends, secret);
    const more = heard.oneFamily.has(both.config.id) ? sessionEnds(node, other, [6]) : undefined;
    if (more === undefined || ends.local.family === 6) return [both];
    const second = meshPeer(facts, node, other, more, secret);
    return [both, { ...second, config: { ...second.config, families: ['ipv6-unicast'] } }];
  });
}

function meshPeer(
  facts: ClusterFacts,
  node: NodeFacts,
  other: NodeFacts,
  ends: { readonly local: Ip; readonly remote: Ip },
  { key, held }: { readonly key?: string; readonly held?: string },
): DesiredPeer {
  const asNumber = asNumberOf(facts, other);
  return {
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
      ...restartTime(configurationOf(facts, node.name).nodeMeshMaxRestartTime),
      ...(held === undefined ? {} : { enabled: false }),
    },
    type: 'NodeMesh',
    asNumber,
    internal: asNumber === asNumberOf(facts, node),
    origin: 'the node mesh',
    missingFilters: [],
    ...(held === undefined ? {} : { held }),
  };
}
