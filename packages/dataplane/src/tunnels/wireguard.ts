import type { NodeFacts } from '@muslin/api';
import { type Family, formatPrefix, hostPrefix, type Ip, type Prefix } from '@muslin/net';
import { type Route, ROUTE_PROTOCOL_MUSLIN } from '../routes/route.ts';
import type { NodePrefix, OverlayInput } from './overlay.ts';
import { OVERHEAD, WIREGUARD_NAMES } from './tunnel-settings.ts';

/** One other node, as WireGuard is to know it. */
export interface WireguardPeer {
  /** Base64. */
  readonly publicKey: string;
  readonly endpoint: { readonly ip: Ip; readonly port: number };
  /** Inner addresses that are sent to it and taken from it. */
  readonly allowedIps: readonly Prefix[];
  /** Seconds; 0 for none. */
  readonly keepAlive: number;
}

/** WireGuard of one family: the device, its peers, and the table that sends their pods' packets into it. */
export interface WireguardPlan {
  readonly family: Family;
  readonly name: string;
  readonly port: number;
  readonly mtu: number;
  /** Mark of encrypted packets: they pass the rule by, or they would be encrypted for ever. */
  readonly mark: number;
  readonly address: Ip | undefined;
  readonly peers: readonly WireguardPeer[];
  /** Packets without `mark` ask `table` first. */
  readonly rule: {
    readonly priority: number;
    readonly mark: number;
    readonly mask: number;
    readonly table: number;
  };
  readonly routes: readonly Route[];
  /** Nodes that are not reached encrypted since another has their key, a sentence each. */
  readonly rivals: readonly string[];
}

/** Tables from 1 to 250 are free for programs; Calico's nodes take theirs from the lower end. */
export const WIREGUARD_TABLES: Readonly<Record<Family, number>> = { 4: 241, 6: 242 };
/** A bit that is neither policy's (0x70000000) nor kube-proxy's. */
export const WIREGUARD_MARK = 0x0800_0000;

/** What WireGuard of a family should hold; undefined where it is not enabled. Nodes without a key are reached as before. */
export function wireguardOf(input: OverlayInput, family: Family): WireguardPlan | undefined {
  const { settings, nodes, node: own } = input;
  const { wireguard } = settings;
  if (!wireguard.enabled[family]) return undefined;
  const name = WIREGUARD_NAMES[family];
  const table = WIREGUARD_TABLES[family];
  const endOf = (node: NodeFacts) => (family === 4 ? node.tunnels?.wireguard4 : node.tunnels?.wireguard6);
  const self = nodes.get(own);
  const keyed = [...nodes.values()].filter(node => node.name !== own && endOf(node) !== undefined);
  const taken = new Map<string, string>();
  const rivals: string[] = [];
  const peers = keyed
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((node): WireguardPeer[] => {
      const end = endOf(node);
      const ip = node.ips.find(each => each.family === family);
      if (end === undefined || ip === undefined) return [];
      // The kernel knows a peer by its key: two with one would push each other away for ever.
      const other = taken.get(end.publicKey);
      if (other !== undefined) {
        rivals.push(
          `node ${node.name} tells the WireGuard key of node ${other}: remove the Node that is no more`,
        );
        return [];
      }
      taken.set(end.publicKey, node.name);
      const own = input.prefixes.filter(each => each.node === node.name);
      return [
        {
          publicKey: end.publicKey,
          endpoint: { ip, port: wireguard.port[family] },
          allowedIps: allowed(own, end.ip, family),
          keepAlive: wireguard.keepAlive,
        },
      ];
    });
  return {
    ...{ family, name, peers, rivals, port: wireguard.port[family], mark: WIREGUARD_MARK },
    mtu: wireguard.mtu[family] ?? input.underlayMtu - OVERHEAD.wireguard[family],
    address: self === undefined ? undefined : endOf(self)?.ip,
    rule: { priority: wireguard.rulePriority, mark: WIREGUARD_MARK, mask: WIREGUARD_MARK, table },
    routes: peers.flatMap(peer => peer.allowedIps.map(prefix => routeInto(prefix, name, table))),
  };
}

function allowed(prefixes: readonly NodePrefix[], end: Ip | undefined, family: Family): readonly Prefix[] {
  const all = prefixes.map(({ prefix }) => prefix).filter(prefix => prefix.ip.family === family);
  if (end !== undefined) all.push(hostPrefix(end));
  const byText = new Map(all.map(prefix => [formatPrefix(prefix), prefix]));
  return [...byText].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, prefix]) => prefix);
}

function routeInto(destination: Prefix, interfaceName: string, table: number): Route {
  return {
    ...{ destination, kind: 'unicast', interfaceName, scope: 'link' },
    ...{ protocol: ROUTE_PROTOCOL_MUSLIN, metric: 0, table },
  };
}

/** A change of one peer (WGPEER_F_*): what is left out stays as it is. */
export type WireguardPeerOp =
  | { readonly kind: 'put'; readonly peer: WireguardPeer }
  | { readonly kind: 'remove'; readonly publicKey: string };

/** The least that turns a device's peers into the wanted ones; sessions of peers that stay the same are not touched. */
export function planPeers(
  wanted: readonly WireguardPeer[],
  actual: readonly WireguardPeer[],
): readonly WireguardPeerOp[] {
  const there = new Map(actual.map(peer => [peer.publicKey, peer]));
  const keys = new Set(wanted.map(peer => peer.publicKey));
  return [
    ...actual
      .filter(peer => !keys.has(peer.publicKey))
      .map(({ publicKey }): WireguardPeerOp => ({ kind: 'remove', publicKey })),
    ...wanted
      .filter(peer => peerText(peer) !== peerText(there.get(peer.publicKey)))
      .map((peer): WireguardPeerOp => ({ kind: 'put', peer })),
  ];
}

function peerText(peer: WireguardPeer | undefined): string {
  return peer === undefined
    ? ''
    : JSON.stringify({ ...peer, allowedIps: peer.allowedIps.map(formatPrefix).toSorted() });
}
