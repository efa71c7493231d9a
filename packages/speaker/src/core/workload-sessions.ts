import { type BgpPeerFacts, type NodeFacts, workloadPeerOf } from '@muslin/api';
import type { Ip, Ip4, Ip6 } from '@muslin/net';
import { type ClusterFacts, configurationOf } from './cluster-facts.ts';
import type { DesiredPeer } from './desired-peer.ts';
import { podPeer } from './explicit-peer.ts';
import type { Problem } from './problem.ts';

/** The addresses at which a node answers BGP of its own pods (BGPConfiguration localWorkloadPeeringIPV4, V6). */
export function peeringAddresses(facts: ClusterFacts, nodeName: string): readonly Ip[] {
  const { localWorkloadPeeringIpV4, localWorkloadPeeringIpV6 } = configurationOf(facts, nodeName);
  return [localWorkloadPeeringIpV4, localWorkloadPeeringIpV6].filter(ip => ip !== undefined);
}

/**
 * The sessions of a node with the pods on it that a BGPPeer selects (spec.localWorkloadSelector): one for each family of which
 * pod and node have an address, each begun by the pod.
 */
export function workloadSessions(
  facts: ClusterFacts,
  node: NodeFacts,
  peer: BgpPeerFacts,
  problems: Problem[],
): readonly DesiredPeer[] {
  const { asNumber } = peer;
  if (asNumber === undefined) return [];
  const addresses = peeringAddresses(facts, node.name);
  if (addresses.length === 0) {
    problems.push({
      object: `BGPPeer ${peer.name}`,
      reason: 'NoPeeringAddress',
      message:
        'pods find their node at localWorkloadPeeringIPV4 or localWorkloadPeeringIPV6 of the BGPConfiguration: give one, such as 169.254.0.179; no session is made',
    });
    return [];
  }
  const own = {
    ...ofFamily(
      'ipv4',
      addresses.find((ip): ip is Ip4 => ip.family === 4),
    ),
    ...ofFamily(
      'ipv6',
      addresses.find((ip): ip is Ip6 => ip.family === 6),
    ),
  };
  return [...facts.pods.values()].flatMap(pod => {
    if (workloadPeerOf(facts, node, pod)?.name !== peer.name) return [];
    return addresses.flatMap(({ family }) => {
      const ip = pod.ips.find(address => address.family === family);
      return ip === undefined ? [] : [podPeer(facts, node, peer, { ip, asNumber }, own, problems)];
    });
  });
}

function ofFamily<K extends string, T>(key: K, ip: T | undefined): { readonly [key in K]?: T } {
  return ip === undefined ? {} : ({ [key]: ip } as { readonly [key in K]: T });
}
