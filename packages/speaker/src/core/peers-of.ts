import { type BgpPeerFacts, isForNode, matchesSelector, type NodeFacts } from '@muslin/api';
import { sameIp } from '@muslin/net';
import { withTraits } from './apply-traits.ts';
import { asNumberOf, type ClusterFacts } from './cluster-facts.ts';
import type { DesiredPeer } from './desired-peer.ts';
import { addressPeer, nodePeer, reversePeer } from './explicit-peer.ts';
import { type Heard, NOTHING_HEARD } from './heard.ts';
import { meshPeers } from './mesh-peers.ts';
import { type ListenRange, policyPeers } from './policy-peers.ts';
import type { Problem } from './problem.ts';
import { policiesFor, type TraitsSubject, traitsOf, unknownNames } from './session-traits.ts';
import { workloadSessions } from './workload-sessions.ts';

/** The sessions of a node, and where more may come from. */
export interface NodePeers {
  /** By id. */
  readonly peers: ReadonlyMap<string, DesiredPeer>;
  /** Narrowest first. */
  readonly ranges: readonly ListenRange[];
  readonly problems: readonly Problem[];
}

/** All sessions of one node: what BGPPeers name, what policies make, then the mesh. Equal facts give equal sessions. */
export function peersOf(facts: ClusterFacts, nodeName: string, heard: Heard = NOTHING_HEARD): NodePeers {
  const peers = new Map<string, DesiredPeer>();
  const problems: Problem[] = [];
  const node = facts.nodes.get(nodeName);
  if (node === undefined) return { peers, ranges: [], problems };
  const policies = policiesFor(facts, node);
  problems.push(...unknownNames(facts, policies));
  const put = (made: DesiredPeer, subject: TraitsSubject) =>
    peers.set(made.config.id, withTraits(made, traitsOf(policies, subject), node, problems));
  for (const peer of [...facts.peers.values()].sort(bySpecificity)) {
    for (const made of [...forward(facts, node, peer, problems), ...reversed(facts, node, peer, problems)]) {
      const holder = peers.get(made.config.id);
      if (holder === undefined) put(made, { type: 'peer', peer });
      else if (contradicts(holder, made))
        problems.push({
          object: `BGPPeer ${peer.name}`,
          reason: 'AddressTaken',
          message: `${made.config.id} has a session from ${holder.origin} already, and one address makes one session`,
        });
    }
  }
  const own = policyPeers(facts, node, policies, heard, problems);
  for (const [name, made] of own.peers) if (!peers.has(made.config.id)) put(made, { type: 'policy', name });
  for (const made of meshPeers(facts, node, heard, problems))
    if (!peers.has(made.config.id)) put(made, { type: 'mesh' });
  return { peers, ranges: own.ranges, problems: distinct(problems) };
}

/** Of two that name one address, what was written for fewer nodes counts, then the first name. */
function bySpecificity(a: BgpPeerFacts, b: BgpPeerFacts): number {
  const rank = { node: 0, nodes: 1, all: 2 } as const;
  return rank[a.scope.type] - rank[b.scope.type] || (a.name < b.name ? -1 : 1);
}

function contradicts(a: DesiredPeer, b: DesiredPeer): boolean {
  const key = ({ asNumber, config }: DesiredPeer) => `${asNumber} ${config.transport?.port ?? 179}`;
  return a.origin !== b.origin && key(a) !== key(b);
}

function forward(
  facts: ClusterFacts,
  node: NodeFacts,
  peer: BgpPeerFacts,
  problems: Problem[],
): readonly DesiredPeer[] {
  if (!isForNode(peer, node)) return [];
  const say = (reason: Problem['reason'], message: string) =>
    problems.push({ object: `BGPPeer ${peer.name}`, reason, message });
  switch (peer.target.type) {
    case 'address':
      if (peer.asNumber === undefined) {
        say('Invalid', 'spec.asNumber is missing or 0: give the AS number of the peer; no session is made');
        return [];
      }
      // A node does not peer with itself: one BGPPeer may name all reflectors, for all nodes.
      if (ownAddress(node, peer)) return [];
      return [addressPeer(facts, node, peer, peer.target, peer.asNumber, problems)];
    case 'nodes': {
      const { selector } = peer.target;
      return [...facts.nodes.values()].flatMap(other =>
        other.name !== node.name && matchesSelector(selector, other.labels)
          ? nodePeer(facts, node, peer, other, problems, presentedBy(facts, peer, other, node))
          : [],
      );
    }
    case 'workloads':
      return workloadSessions(facts, node, peer, problems);
  }
}

/** Nodes that a peerSelector names call back, unless they were told not to (BGPPeer reversePeering). */
function reversed(
  facts: ClusterFacts,
  node: NodeFacts,
  peer: BgpPeerFacts,
  problems: Problem[],
): readonly DesiredPeer[] {
  const { target } = peer;
  if (target.type !== 'nodes' || peer.reversePeering === 'Manual') return [];
  if (!matchesSelector(target.selector, node.labels)) return [];
  return [...facts.nodes.values()].flatMap(other =>
    other.name !== node.name && isForNode(peer, other) ? reversePeer(facts, node, peer, other, problems) : [],
  );
}

/** The AS number that the other node shows to this one because the same object makes it call, too. */
function presentedBy(facts: ClusterFacts, peer: BgpPeerFacts, other: NodeFacts, node: NodeFacts): number {
  const own = asNumberOf(facts, other);
  const calls =
    peer.target.type === 'nodes' &&
    isForNode(peer, other) &&
    matchesSelector(peer.target.selector, node.labels);
  return calls ? (peer.localAsNumber ?? own) : own;
}

function ownAddress(node: NodeFacts, { target }: BgpPeerFacts): boolean {
  if (target.type !== 'address') return false;
  const { ip } = target;
  return node.ips.some(own => sameIp(own, ip));
}

function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map(problem => [JSON.stringify(problem), problem])).values()];
}
