import type { MemberSet, SetId } from '@muslin/api';
import { formatPrefix, hostPrefix, type Ip } from '@muslin/net';
import { chainName } from '../chain-name.ts';
import type { Chain, Rule } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';

/**
 * What a pod sends from an address that is not routed to it is dropped before connection tracking sees it.
 * The address check in a pod's egress chain is not enough: established connections don't get there, and a
 * forged DNS answer to a neighbour belongs to one.
 */
export function forgedSource(config: NodeConfig): Rule {
  return {
    matches: [
      { kind: 'in-interface', name: config.workloadInterfacePrefix, wildcard: true },
      { kind: 'reverse-path', not: true },
    ],
    action: { kind: 'drop' },
    comment: 'forged source',
  };
}

/**
 * `forgedSource` for an interface whose endpoint is known: its own addresses pass without asking the routes, which every
 * packet of a pod would pay for.
 */
export function ownSourceChain(own: readonly Ip[], interfaceName: string): Chain {
  return {
    name: chainName('own', interfaceName),
    rules: [
      {
        matches: [
          { kind: 'source', nets: own.map(hostPrefix), not: true },
          { kind: 'reverse-path', not: true },
        ],
        action: { kind: 'drop' },
        comment: 'forged source',
      },
    ],
  };
}

/** The same chains by interface, asked before `forgedSource`. */
export function ownSources(chains: ReadonlyMap<string, string>): Rule {
  return {
    matches: [],
    action: { kind: 'dispatch', by: 'in', name: 'msl-own-pods', chains, shortcut: true },
  };
}

/** Nodes whose encapsulated packets are taken; the colon keeps it apart from a `NodeState`'s ids. */
export const VXLAN_PEERS: SetId = 'muslin:vxlan-peers';

/**
 * VXLAN has no proof of who sent a packet (RFC 7348 §7): what anybody but a node of the cluster sends to the port is
 * dropped before anything looks at it, or it would pass for a packet of another node's pod.
 */
export function foreignVxlan(config: NodeConfig): readonly Rule[] {
  const { vxlanPort: port, vxlanPeers } = config;
  if (port === undefined || vxlanPeers === undefined) return [];
  return [
    {
      matches: [
        { kind: 'protocol', protocol: 17 },
        { kind: 'destination-ports', ports: [{ first: port, last: port }] },
        { kind: 'local-address', side: 'dst' },
        { kind: 'set', set: VXLAN_PEERS, key: 'src', not: true },
      ],
      action: { kind: 'drop' },
      comment: 'VXLAN from outside the cluster',
    },
  ];
}

const IPIP_PEERS: SetId = 'muslin:ipip-peers';

/** Nor has IP in IP (RFC 2003 §6.1): `tunl0` takes from anybody. */
export function foreignIpip({ family, ipipPeers }: NodeConfig): readonly Rule[] {
  if (family !== 4 || ipipPeers === undefined) return [];
  return [
    {
      matches: [
        { kind: 'protocol', protocol: 4 },
        { kind: 'local-address', side: 'dst' },
        { kind: 'set', set: IPIP_PEERS, key: 'src', not: true },
      ],
      action: { kind: 'drop' },
      comment: 'IP in IP from outside the cluster',
    },
  ];
}

/** The sets that `foreignVxlan` and `foreignIpip` look into. */
export function tunnelPeerSets(config: NodeConfig): ReadonlyMap<SetId, MemberSet> {
  const { vxlanPeers, ipipPeers, family } = config;
  const sets = new Map<SetId, MemberSet>();
  const put = (id: SetId, ips: readonly Ip[]) => {
    const members = ips.filter(ip => ip.family === family).map(ip => formatPrefix(hostPrefix(ip)));
    sets.set(id, { kind: 'net', members: new Set(members) });
  };
  if (vxlanPeers !== undefined) put(VXLAN_PEERS, vxlanPeers);
  if (ipipPeers !== undefined && family === 4) put(IPIP_PEERS, ipipPeers);
  return sets;
}
