import { type BgpPeerFacts, matchesSelector, type NodeFacts } from '@muslin/api';
import type { PeerConfig } from '@muslin/bgp';
import { formatIp, type Ip, type Ip4, type Ip6 } from '@muslin/net';
import { type ClusterFacts, configurationOf } from './cluster-facts.ts';
import { exportPolicy, importPolicy } from './export-policy.ts';

/** Where a session comes from, in the words of CalicoNodeStatus. */
export type PeerType = 'NodeMesh' | 'NodePeer' | 'GlobalPeer';

/** A session that a node should have. */
export interface DesiredPeer {
  readonly config: PeerConfig;
  readonly type: PeerType;
  readonly asNumber: number;
}

/** Why a peer that somebody wrote down has no session. */
export interface PeerProblem {
  readonly peer: string;
  readonly message: string;
}

/** All sessions of one node: the mesh, then what BGPPeers name. Pure: equal facts give equal sessions. */
export function peersOf(
  facts: ClusterFacts,
  nodeName: string,
): { readonly peers: ReadonlyMap<string, DesiredPeer>; readonly problems: readonly PeerProblem[] } {
  const peers = new Map<string, DesiredPeer>();
  const problems: PeerProblem[] = [];
  const node = facts.nodes.get(nodeName);
  if (node === undefined) return { peers, problems };
  const add = (peer: DesiredPeer) => {
    // Two objects that name one address make one session; the first stands.
    if (!peers.has(peer.config.id)) peers.set(peer.config.id, peer);
  };
  for (const peer of [...facts.peers.values()].sort((a, b) => (a.name < b.name ? -1 : 1)))
    if (concerns(peer, node)) for (const made of explicitPeers(facts, node, peer, problems)) add(made);
  for (const made of meshPeers(facts, node)) add(made);
  return { peers, problems };
}

/** AS number of a node: its own annotation, else its configuration's. */
export function asNumberOf(facts: ClusterFacts, node: NodeFacts): number {
  return node.asNumber ?? configurationOf(facts, node.name).asNumber;
}

function meshPeers(facts: ClusterFacts, node: NodeFacts): readonly DesiredPeer[] {
  const { nodeToNodeMeshEnabled, nodeMeshMaxRestartTime } = configurationOf(facts, node.name);
  if (!nodeToNodeMeshEnabled || node.routeReflectorClusterId !== undefined) return [];
  return [...facts.nodes.values()].flatMap(other => {
    if (other.name === node.name || other.routeReflectorClusterId !== undefined) return [];
    const ends = sessionEnds(node, other);
    if (ends === undefined) return [];
    const asNumber = asNumberOf(facts, other);
    const { listenPort } = configurationOf(facts, other.name);
    const config: PeerConfig = {
      ...sessionBase(facts, node, ends.remote, [], 'Auto'),
      remoteAs: asNumber,
      // Exactly one side calls; Calico decides by comparing addresses as text, and so must its neighbours.
      passive: formatIp(ends.remote) > formatIp(ends.local),
      transport: { source: ends.local, port: listenPort },
      ...(nodeMeshMaxRestartTime === undefined
        ? {}
        : { gracefulRestartTime: Math.round(nodeMeshMaxRestartTime / 1000) }),
    };
    return [{ config, type: 'NodeMesh' as const, asNumber }];
  });
}

function explicitPeers(
  facts: ClusterFacts,
  node: NodeFacts,
  peer: BgpPeerFacts,
  problems: PeerProblem[],
): readonly DesiredPeer[] {
  const type: PeerType = peer.scope.type === 'all' ? 'GlobalPeer' : 'NodePeer';
  for (const filter of peer.filters)
    if (!facts.filters.has(filter))
      problems.push({ peer: peer.name, message: `BGPFilter "${filter}" does not exist` });
  switch (peer.target.type) {
    case 'address': {
      const { ip, port } = peer.target;
      const source = node.ips.find(own => own.family === ip.family);
      if (peer.asNumber === undefined) {
        problems.push({ peer: peer.name, message: 'spec.asNumber is missing' });
        return [];
      }
      return [explicitPeer(facts, node, peer, ip, peer.asNumber, port, source, type)];
    }
    case 'nodes': {
      const { selector } = peer.target;
      return [...facts.nodes.values()].flatMap(other => {
        if (other.name === node.name || !matchesSelector(selector, other.labels)) return [];
        const ends = sessionEnds(node, other);
        if (ends === undefined) return [];
        const { listenPort } = configurationOf(facts, other.name);
        return [
          explicitPeer(
            facts,
            node,
            peer,
            ends.remote,
            asNumberOf(facts, other),
            listenPort,
            ends.local,
            type,
            other,
          ),
        ];
      });
    }
    case 'workloads':
      problems.push({
        peer: peer.name,
        message: 'spec.localWorkloadSelector is not supported yet: no session is made',
      });
      return [];
  }
}

function explicitPeer(
  facts: ClusterFacts,
  node: NodeFacts,
  peer: BgpPeerFacts,
  remote: Ip,
  asNumber: number,
  port: number | undefined,
  source: Ip | undefined,
  type: PeerType,
  other?: NodeFacts,
): DesiredPeer {
  const reflects = node.routeReflectorClusterId !== undefined;
  const internal = (peer.localAsNumber ?? asNumberOf(facts, node)) === asNumber;
  const client = reflects && internal && other?.routeReflectorClusterId !== node.routeReflectorClusterId;
  const keep = peer.nextHopMode === 'Keep' && !(peer.keepOnExternalOnly && internal);
  const config: PeerConfig = {
    ...sessionBase(
      facts,
      node,
      remote,
      peer.filters,
      keep ? 'Keep' : peer.nextHopMode === 'Keep' ? 'Auto' : peer.nextHopMode,
    ),
    remoteAs: asNumber,
    transport: {
      ...(port === undefined ? {} : { port }),
      ...(source === undefined || peer.sourceAddress === 'None' ? {} : { source }),
      ...(peer.ttlSecurity > 0 ? { ttlSecurityHops: peer.ttlSecurity } : {}),
    },
    allowAsIn: peer.numAllowedLocalAsNumbers,
    routeReflectorClient: client,
    ...(peer.localAsNumber === undefined ? {} : { localAs: peer.localAsNumber }),
    ...(peer.keepaliveTime === undefined
      ? {}
      : { keepaliveTime: Math.max(1, Math.round(peer.keepaliveTime / 1000)) }),
    ...(peer.maxRestartTime === undefined
      ? {}
      : { gracefulRestartTime: Math.round(peer.maxRestartTime / 1000) }),
  };
  return { config, type, asNumber };
}

function sessionBase(
  facts: ClusterFacts,
  node: NodeFacts,
  remoteIp: Ip,
  filters: readonly string[],
  nextHopMode: 'Auto' | 'Self' | 'Keep',
): Omit<PeerConfig, 'remoteAs'> {
  const ipv4 = node.ips.find((ip): ip is Ip4 => ip.family === 4);
  const ipv6 = node.ips.find((ip): ip is Ip6 => ip.family === 6);
  return {
    id: formatIp(remoteIp),
    remoteIp,
    nextHop: nextHopMode === 'Auto' ? 'auto' : nextHopMode === 'Self' ? 'self' : 'keep',
    nextHopSelf: { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) },
    exportPolicy: exportPolicy(facts, filters),
    importPolicy: importPolicy(facts, filters),
  };
}

/** Addresses of a session between two nodes: the first family that both have, IPv4 before IPv6. */
function sessionEnds(a: NodeFacts, b: NodeFacts): { readonly local: Ip; readonly remote: Ip } | undefined {
  for (const family of [4, 6] as const) {
    const local = a.ips.find(ip => ip.family === family);
    const remote = b.ips.find(ip => ip.family === family);
    if (local !== undefined && remote !== undefined) return { local, remote };
  }
  return undefined;
}

function concerns(peer: BgpPeerFacts, node: NodeFacts): boolean {
  switch (peer.scope.type) {
    case 'all':
      return true;
    case 'node':
      return peer.scope.name === node.name;
    case 'nodes':
      return matchesSelector(peer.scope.selector, node.labels);
  }
}
