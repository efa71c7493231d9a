import type { BgpPeerFacts, NodeFacts } from '@muslin/api';
import type { PeerConfig } from '@muslin/bgp';
import { type Ip, type Ip4, type Ip6, parseIp, sameIp } from '@muslin/net';
import { asNumberOf, type ClusterFacts, configurationOf } from './cluster-facts.ts';
import type { DesiredPeer } from './desired-peer.ts';
import type { Problem } from './problem.ts';
import { protection, restartTime, sessionBase, sessionEnds } from './session-base.ts';

/** The far end of a session that a BGPPeer asks for. */
interface FarEnd {
  readonly ip: Ip;
  readonly asNumber: number;
  readonly port: number | undefined;
  readonly source: Ip | undefined;
  readonly node: NodeFacts | undefined;
  /** AS number that we show instead of our own. */
  readonly localAs: number | undefined;
}

/** The session with the address that a BGPPeer names (spec.peerIP). */
export function addressPeer(
  facts: ClusterFacts,
  node: NodeFacts,
  peer: BgpPeerFacts,
  target: { readonly ip: Ip; readonly port: number | undefined },
  asNumber: number,
  problems: Problem[],
): DesiredPeer {
  const { ip, port } = target;
  const source = node.ips.find(own => own.family === ip.family);
  const other = [...facts.nodes.values()].find(n => n.ips.some(own => sameIp(own, ip)));
  const far = { ip, asNumber, port, source, node: other, localAs: peer.localAsNumber };
  const made = explicitPeer(facts, node, peer, far, problems);
  return peer.reachableBy === undefined ? made : { ...made, reachableBy: peer.reachableBy };
}

/** The session with a node that a BGPPeer selects (spec.peerSelector); none when no address family is shared. */
export function nodePeer(
  facts: ClusterFacts,
  node: NodeFacts,
  peer: BgpPeerFacts,
  other: NodeFacts,
  problems: Problem[],
  asNumber: number,
): readonly DesiredPeer[] {
  return between(facts, node, peer, other, problems, asNumber, peer.localAsNumber);
}

/** The answering session on the selected node: the caller shows spec.localASNumber, the answerer its own number. */
export function reversePeer(
  facts: ClusterFacts,
  node: NodeFacts,
  peer: BgpPeerFacts,
  other: NodeFacts,
  problems: Problem[],
): readonly DesiredPeer[] {
  const asNumber = peer.localAsNumber ?? asNumberOf(facts, other);
  return between(facts, node, peer, other, problems, asNumber, undefined);
}

function between(
  facts: ClusterFacts,
  node: NodeFacts,
  peer: BgpPeerFacts,
  other: NodeFacts,
  problems: Problem[],
  asNumber: number,
  localAs: number | undefined,
): readonly DesiredPeer[] {
  const ends = sessionEnds(node, other);
  if (ends === undefined) return [];
  const port = configurationOf(facts, other.name).listenPort;
  const far = { ip: ends.remote, asNumber, port, source: ends.local, node: other, localAs };
  return [explicitPeer(facts, node, peer, far, problems)];
}

/** The session that a pod of this node begins with it: by the address that the node has for its pods. */
export function podPeer(
  facts: ClusterFacts,
  node: NodeFacts,
  peer: BgpPeerFacts,
  pod: { readonly ip: Ip; readonly asNumber: number },
  own: { readonly ipv4?: Ip4; readonly ipv6?: Ip6 },
  problems: Problem[],
): DesiredPeer {
  const far = { ...pod, port: undefined, source: undefined, node: undefined, localAs: peer.localAsNumber };
  const made = explicitPeer(facts, node, peer, far, problems);
  const nextHopSelf = { ...made.config.nextHopSelf, ...own };
  return { ...made, config: { ...made.config, passive: true, behindUs: true, nextHopSelf } };
}

function explicitPeer(
  facts: ClusterFacts,
  node: NodeFacts,
  peer: BgpPeerFacts,
  far: FarEnd,
  problems: Problem[],
): DesiredPeer {
  const object = `BGPPeer ${peer.name}`;
  const missingFilters = peer.filters.filter(name => !facts.filters.has(name));
  for (const name of missingFilters)
    problems.push({
      object,
      reason: 'FilterMissing',
      message: `BGPFilter ${name} does not exist: no route passes this session until it does, unless its earlier filters are still known`,
    });
  const { key, held } = protection(facts, peer.password, object, problems);
  const internal = (far.localAs ?? asNumberOf(facts, node)) === far.asNumber;
  const config: PeerConfig = {
    ...sessionBase(facts, node, far.ip, peer.filters),
    remoteAs: far.asNumber,
    nextHop: nextHopOf(peer, internal),
    transport: {
      ...(far.port === undefined ? {} : { port: far.port }),
      ...(far.source === undefined || peer.sourceAddress === 'None' ? {} : { source: far.source }),
      ...(peer.ttlSecurity > 0 ? { ttlSecurityHops: peer.ttlSecurity } : {}),
      ...(key === undefined ? {} : { passwordKey: key }),
    },
    allowAsIn: peer.numAllowedLocalAsNumbers,
    ...reflection(node, far, internal, problems),
    ...(far.localAs === undefined ? {} : { localAs: far.localAs }),
    ...keepalive(peer.keepaliveTime),
    ...restartTime(peer.maxRestartTime),
    ...(held === undefined ? {} : { enabled: false }),
  };
  return {
    config,
    type: peer.scope.type === 'all' ? 'GlobalPeer' : 'NodePeer',
    asNumber: far.asNumber,
    internal,
    origin: object,
    missingFilters,
    ...(held === undefined ? {} : { held }),
  };
}

/** The older keepOriginalNextHop only ever worked towards other ASes. */
function nextHopOf(peer: BgpPeerFacts, internal: boolean): 'auto' | 'self' | 'keep' {
  switch (peer.nextHopMode) {
    case 'Auto':
      return 'auto';
    case 'Self':
      return 'self';
    case 'Keep':
      return peer.keepOnExternalOnly && internal ? 'auto' : 'keep';
  }
}

/** RFC 4456: a reflector's clients are the routers of its AS that reflect nothing, or for another cluster. */
function reflection(
  node: NodeFacts,
  far: FarEnd,
  internal: boolean,
  problems: Problem[],
): { readonly routeReflectorClient: boolean; readonly clusterId?: Ip4 } {
  const own = node.routeReflectorClusterId;
  if (own === undefined || !internal || far.node?.routeReflectorClusterId === own)
    return { routeReflectorClient: false };
  const id = parseIp(own);
  if (id.ok && id.value.family === 4) return { routeReflectorClient: true, clusterId: id.value };
  problems.push({
    object: `Node ${node.name}`,
    reason: 'Invalid',
    message: `its RouteReflectorClusterID is no IPv4 address such as 244.0.0.1: the router ID is used instead`,
  });
  return { routeReflectorClient: true };
}

const HOLD_TIME = 90;

/** Three KEEPALIVEs must fit into the hold time (RFC 4271 §4.4). */
function keepalive(ms: number | undefined): { readonly keepaliveTime?: number; readonly holdTime?: number } {
  if (ms === undefined) return {};
  const keepaliveTime = Math.min(21_845, Math.max(1, Math.round(ms / 1000)));
  return { keepaliveTime, ...(keepaliveTime * 3 > HOLD_TIME ? { holdTime: keepaliveTime * 3 } : {}) };
}
