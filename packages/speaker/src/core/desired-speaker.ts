import { type Ip4, type Ip6, ip4, type Prefix } from '@muslin/net';
import type { ClusterFacts } from './cluster-facts.ts';
import { configurationOf } from './cluster-facts.ts';
import { localPrefOf } from './export-policy.ts';
import { asNumberOf, type DesiredPeer, type PeerProblem, peersOf } from './peers-of.ts';

/** A route that a node tells the world. */
export interface Advertisement {
  readonly prefix: Prefix;
  readonly localPref: number;
}

/** All that one node's speaker should be doing: a value. */
export interface DesiredSpeaker {
  readonly asNumber: number;
  readonly routerId: Ip4;
  readonly listenPort: number;
  /** By id. */
  readonly peers: ReadonlyMap<string, DesiredPeer>;
  readonly advertisements: readonly Advertisement[];
  /** Metric of learned routes in the kernel, by family. */
  readonly metrics: Readonly<Record<4 | 6, number>>;
  readonly problems: readonly PeerProblem[];
}

/** What the speaker of a node should do; undefined while its Node is unknown or has no address. */
export function desiredSpeaker(facts: ClusterFacts, nodeName: string): DesiredSpeaker | undefined {
  const node = facts.nodes.get(nodeName);
  const first = node?.ips[0];
  if (node === undefined || first === undefined) return undefined;
  const configuration = configurationOf(facts, nodeName);
  const { peers, problems } = peersOf(facts, nodeName);
  const priority = { 4: configuration.ipv4NormalRoutePriority, 6: configuration.ipv6NormalRoutePriority };
  const advertisements = [...facts.blocks.values()]
    .filter(block => block.node === nodeName)
    .map(({ cidr }) => ({ prefix: cidr, localPref: localPrefOf(priority[cidr.ip.family]) }));
  return {
    asNumber: asNumberOf(facts, node),
    routerId: node.ips.find((ip): ip is Ip4 => ip.family === 4) ?? routerIdFrom(first as Ip6),
    listenPort: configuration.listenPort,
    peers,
    advertisements,
    metrics: priority,
    problems,
  };
}

/** A router ID for a node without IPv4: its address folded, never zero (RFC 6286). */
function routerIdFrom(ip: Ip6): Ip4 {
  const folded = ip.words.reduce((sum, word) => (Math.imul(sum, 16_777_619) ^ word) >>> 0, 2_166_136_261);
  return ip4(folded || 1);
}
