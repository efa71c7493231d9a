import { type BgpConfigurationFacts, type Pool, type ProgramClusterRoutes, workloadPeers } from '@muslin/api';
import { hostPrefix, type Ip, type Ip4, type Ip6, formatPrefix, ip4, mustIp, type Prefix } from '@muslin/net';
import { asNumberOf, type ClusterFacts, configurationOf } from './cluster-facts.ts';
import type { DesiredPeer } from './desired-peer.ts';
import { localPrefOf } from './export-policy.ts';
import { type Heard, NOTHING_HEARD } from './heard.ts';
import { passwordsFor } from './passwords-for.ts';
import { peersOf } from './peers-of.ts';
import type { ListenRange } from './policy-peers.ts';
import type { Problem } from './problem.ts';
import { serviceRoutes } from './service-routes.ts';
import { policiesFor } from './session-traits.ts';
import { peeringAddresses } from './workload-sessions.ts';

/** A route that a node tells the world. */
export interface Advertisement {
  readonly prefix: Prefix;
  readonly localPref: number;
}

/** Where the node waits for calls. */
export interface ListenAt {
  readonly ips: readonly Ip[];
  readonly port: number;
}

/** All that one node's speaker should be doing: a value. */
export interface DesiredSpeaker {
  readonly asNumber: number;
  readonly routerId: Ip4;
  readonly listen: ListenAt;
  /** What the node is to be for others. */
  readonly service: 'in' | 'drained' | 'left';
  /** By id. */
  readonly peers: ReadonlyMap<string, DesiredPeer>;
  /** Where peers may call from that nobody named; the narrowest first. */
  readonly ranges: readonly ListenRange[];
  /** Interfaces at whose other end a peer is looked for. */
  readonly unnumbered: readonly string[];
  /** Each prefix once. */
  readonly advertisements: readonly Advertisement[];
  /** Metric of learned routes in the kernel, by family. */
  readonly metrics: Readonly<Record<4 | 6, number>>;
  /** Learned routes inside these stay out of the kernel: kube-proxy leads those packets. */
  readonly serviceCidrs: readonly Prefix[];
  /** The same for pools whose routes others program (BGPConfiguration programClusterRoutes). */
  readonly foreignPools: readonly Prefix[];
  /** Interfaces whose subnets count as nobody's neighbourhood; `*` stands for any text. */
  readonly ignoredInterfaces: readonly string[];
  readonly logSeverity: BgpConfigurationFacts['logSeverityScreen'];
  /** Secrets to read, by name, with the keys that matter. */
  readonly passwords: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly Problem[];
}

const EVERYWHERE = [mustIp('0.0.0.0'), mustIp('::')];

/** What the speaker of a node should do; undefined while its Node is unknown or has no address. */
export function desiredSpeaker(
  facts: ClusterFacts,
  nodeName: string,
  heard: Heard = NOTHING_HEARD,
): DesiredSpeaker | undefined {
  const node = facts.nodes.get(nodeName);
  const first = node?.ips[0];
  if (node === undefined || first === undefined) return undefined;
  const configuration = configurationOf(facts, nodeName);
  const { peers: sessions, ranges, problems } = peersOf(facts, nodeName, heard);
  const peers = node.leaving === undefined ? sessions : closed(sessions, node.leaving.message);
  const forPods = workloadPeers(facts.peers, node).length > 0 ? peeringAddresses(facts, nodeName) : [];
  const priority = { 4: configuration.ipv4NormalRoutePriority, 6: configuration.ipv6NormalRoutePriority };
  const advertisements = new Map<string, Advertisement>();
  const told = node.leaving === undefined;
  for (const prefix of told ? [...podRoutes(facts, nodeName), ...serviceRoutes(facts, nodeName)] : [])
    advertisements.set(formatPrefix(prefix), { prefix, localPref: localPrefOf(priority[prefix.ip.family]) });
  return {
    asNumber: asNumberOf(facts, node),
    routerId: node.ips.find((ip): ip is Ip4 => ip.family === 4) ?? routerIdFrom(first as Ip6),
    listen: {
      ips: configuration.bindMode === 'NodeIP' ? [...node.ips, ...forPods] : EVERYWHERE,
      port: configuration.listenPort,
    },
    service: node.leaving !== undefined ? 'left' : node.draining ? 'drained' : 'in',
    peers,
    ranges,
    unnumbered: policiesFor(facts, node).flatMap(({ interfaces }) =>
      interfaces.map(({ interfaceName }) => interfaceName),
    ),
    advertisements: [...advertisements].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, route]) => route),
    metrics: priority,
    serviceCidrs: [
      ...configuration.serviceClusterIps,
      ...configuration.serviceExternalIps,
      ...configuration.serviceLoadBalancerIps,
    ],
    foreignPools: foreignPools(facts, configuration.programClusterRoutes),
    ignoredInterfaces: configuration.ignoredInterfaces,
    logSeverity: configuration.logSeverityScreen,
    passwords: passwordsFor(facts, nodeName),
    problems,
  };
}

/** Sessions of a node that is to be out of the network: down, and the peers know why (RFC 9003). */
function closed(
  peers: ReadonlyMap<string, DesiredPeer>,
  message: string | undefined,
): ReadonlyMap<string, DesiredPeer> {
  const text = message === undefined ? {} : { shutdownText: message };
  const close = ({ config, ...peer }: DesiredPeer) => ({
    ...peer,
    config: { ...config, enabled: false, ...text },
  });
  return new Map([...peers].map(([id, peer]) => [id, close(peer)]));
}

/** Routes of VXLAN are the agent's, and nothing sends by IP in IP, so both words that speak of no encapsulation leave all pools to BGP. */
function foreignPools(facts: ClusterFacts, mode: ProgramClusterRoutes): readonly Prefix[] {
  const isForeign = ({ ipipMode }: Pool) =>
    mode === 'Disabled' || (mode === 'EnabledIPIPOnly' && ipipMode === 'Never');
  return [...facts.pools.values()].filter(isForeign).map(({ cidr }) => cidr);
}

/**
 * The blocks that the node holds, the addresses that its pods have out of others', and, where they are to be told, the node's
 * podCIDRs.
 */
export function podRoutes(facts: ClusterFacts, nodeName: string): readonly Prefix[] {
  const blocks = [...facts.blocks.values()].filter(({ node }) => node === nodeName).map(({ cidr }) => cidr);
  const borrowed = [...facts.borrowed.values()]
    .flat()
    .filter(({ node }) => node === nodeName)
    .map(({ ip }) => hostPrefix(ip));
  const ranges = configurationOf(facts, nodeName).advertisesPodCidrs
    ? (facts.nodes.get(nodeName)?.podCidrs ?? [])
    : [];
  return [...blocks, ...borrowed, ...ranges];
}

/** A router ID for a node without IPv4: its address folded, never zero (RFC 6286). */
function routerIdFrom(ip: Ip6): Ip4 {
  const folded = ip.words.reduce((sum, word) => (Math.imul(sum, 16_777_619) ^ word) >>> 0, 2_166_136_261);
  return ip4(folded || 1);
}
