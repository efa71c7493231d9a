import type { NodeFacts, Pool } from '@muslin/api';
import {
  type Family,
  formatIp,
  formatPrefix,
  hostPrefix,
  type Ip,
  type Prefix,
  prefixCovers,
} from '@muslin/net';
import { type Route, ROUTE_PROTOCOL_MUSLIN, TABLE_MAIN } from '../routes/route.ts';
import { type OnLink, type Reach, reachOf, type TunnelMode } from './reach.ts';
import type { TunnelDevice, TunnelEntry } from './tunnel-device.ts';
import { IPIP_NAME, OVERHEAD, type TunnelSettings, VXLAN_NAMES } from './tunnel-settings.ts';
import { vtepMac } from './vtep-mac.ts';

/** Addresses that belong to a node: a block, or one address of another node's block that it borrowed. */
export interface NodePrefix {
  readonly prefix: Prefix;
  readonly node: string;
}

/** Everything that an overlay depends on. */
export interface OverlayInput {
  /** This node's name. */
  readonly node: string;
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  readonly pools: readonly Pool[];
  readonly prefixes: readonly NodePrefix[];
  /** Subnets of this node's own addresses in the underlay. */
  readonly onLink: readonly OnLink[];
  readonly settings: TunnelSettings;
  /** MTU of the underlay, bytes. */
  readonly underlayMtu: number;
}

/** How packets to a prefix leave this node, and why. */
export interface OverlayChoice extends Reach {
  readonly prefix: Prefix;
  readonly node: string;
  readonly encapsulation: Encapsulation | 'none';
}

export type Encapsulation = 'vxlan' | 'ipip';

/** All that this node's kernel should hold of the overlay. */
export interface Overlay {
  readonly devices: readonly TunnelDevice[];
  readonly entries: readonly TunnelEntry[];
  /** Of protocol `muslin`; they win over routes that BGP brings for the same prefixes. */
  readonly routes: readonly Route[];
  /** Nodes whose encapsulated packets are let in. */
  readonly peers: readonly Ip[];
  /** The same for IP in IP; undefined where this node takes none. */
  readonly ipipPeers: readonly Ip[] | undefined;
  readonly choices: readonly OverlayChoice[];
  /** Why something that a pool asks for is not there (yet), a sentence each. */
  readonly missing: readonly string[];
}

/** Below BGP's 1024 (and 512 for pods on the move), so that for these pools it doesn't matter whether BGP runs too. */
export const TUNNEL_METRIC = 256;

/** The encapsulation of a pool; undefined when it has none. */
export function encapsulationOf(
  pool: Pool,
): { readonly by: Encapsulation; readonly mode: TunnelMode } | undefined {
  if (pool.vxlanMode !== 'Never') return { by: 'vxlan', mode: pool.vxlanMode };
  if (pool.ipipMode !== 'Never') return { by: 'ipip', mode: pool.ipipMode };
  return undefined;
}

/** Which tunnels this node needs, and so addresses for them. Calico: those that an IPPool asks for, unless configured. */
export function neededTunnels(
  pools: readonly Pool[],
  settings: TunnelSettings,
): { readonly vxlan: readonly Family[]; readonly ipip: boolean } {
  const asked = (by: Encapsulation, family: Family) =>
    pools.some(pool => pool.cidr.ip.family === family && encapsulationOf(pool)?.by === by);
  return {
    vxlan: settings.vxlan === false ? [] : ([4, 6] as const).filter(family => asked('vxlan', family)),
    ipip: settings.ipip !== false && asked('ipip', 4),
  };
}

/** Where a node's VXLAN tunnel of one family ends. */
interface Vtep {
  readonly ip: Ip;
  readonly mac: string;
  /** Its address in the underlay. */
  readonly node: Ip;
}

function vtepOf(node: NodeFacts, family: Family): Vtep | string {
  const at = node.ips.find(ip => ip.family === family);
  if (at === undefined) return `node ${node.name} has no IPv${family} address`;
  const end = family === 4 ? node.tunnels?.vxlan4 : node.tunnels?.vxlan6;
  if (end === undefined) return `node ${node.name} has not told its IPv${family} VXLAN address yet`;
  return { ...end, node: at };
}

/** The whole overlay of a node: a plain function of what the cluster says. */
export function overlayOf(input: OverlayInput): Overlay {
  const { node: own, nodes, pools, settings } = input;
  const needed = neededTunnels(pools, settings);
  const self = nodes.get(own);
  const missing = new Set<string>();
  const devices: TunnelDevice[] = [];
  const entries: TunnelEntry[] = [];
  const peers = new Map<string, Ip>();
  const vteps = new Map<string, Vtep>();
  const others = [...nodes.values()].filter(node => node.name !== own).toSorted(byName);
  for (const family of needed.vxlan) {
    const here = self === undefined ? `node ${own} is not known yet` : vtepOf(self, family);
    if (typeof here === 'string') {
      missing.add(here);
      continue;
    }
    const name = VXLAN_NAMES[family];
    const mtu = settings.mtu[`vxlan${family}`] ?? input.underlayMtu - OVERHEAD.vxlan[family];
    devices.push({
      ...{ kind: 'vxlan', name, vni: settings.vni, port: settings.vxlanPort, local: here.node },
      ...{ mac: vtepMac(own, family), mtu, addresses: [here.ip], up: true, offload: false },
    });
    const taken = new Map<string, string>();
    for (const other of others) {
      // Also of those that told no end yet: they may know this node before it knows them.
      for (const ip of other.ips) if (ip.family === family) peers.set(formatIp(ip), ip);
      const there = vtepOf(other, family);
      if (typeof there === 'string') {
        missing.add(there);
        continue;
      }
      const rivals = [formatIp(there.ip), there.mac]
        .map(key => taken.get(key))
        .filter(key => key !== undefined);
      if (rivals.length > 0) {
        missing.add(`node ${other.name} claims the VXLAN address or MAC of node ${rivals[0]}`);
        continue;
      }
      for (const key of [formatIp(there.ip), there.mac]) taken.set(key, other.name);
      vteps.set(`${family} ${other.name}`, there);
      entries.push(
        { kind: 'forwarding', device: name, ip: there.node, mac: there.mac },
        { kind: 'neighbour', device: name, ip: there.ip, mac: there.mac },
      );
    }
  }
  if (needed.ipip) {
    const here = self?.tunnels?.ipip;
    if (here === undefined) missing.add(`node ${own} has no IP in IP address yet`);
    else {
      const mtu = settings.mtu.ipip ?? input.underlayMtu - OVERHEAD.ipip;
      devices.push({ kind: 'ipip', name: IPIP_NAME, mtu, addresses: [here], up: true });
    }
  }
  const standing = new Set(devices.map(device => device.name));
  const choices: OverlayChoice[] = [];
  const routes: Route[] = [];
  /**
   * IPv6 takes no onlink gateway that another route leads elsewhere (ip6_route_check_nh_onlink), and the end of a tunnel is in
   * a block that BGP, or a mode before this, may lead past the tunnel: a route to it alone comes first.
   */
  const ends = new Map<string, Route>();
  for (const { prefix, node } of others.flatMap(({ name }) => input.prefixes.filter(p => p.node === name))) {
    const { family } = prefix.ip;
    const pool = pools.find(each => prefixCovers(each.cidr, prefix));
    const at = nodes.get(node)?.ips.find(ip => ip.family === family);
    if (pool === undefined || at === undefined) continue;
    const encapsulation = encapsulationOf(pool);
    if (encapsulation === undefined) {
      // Inside a subnet no router has to know it.
      const near = settings.programs.direct ? reachOf('CrossSubnet', input.onLink, at) : undefined;
      if (near?.by !== 'direct') continue;
      choices.push({ ...near, prefix, node, encapsulation: 'none' });
      routes.push(routeTo(prefix, { gateway: at, ...viaOf(near) }));
      continue;
    }
    const reach = reachOf(encapsulation.mode, input.onLink, at);
    choices.push({ ...reach, prefix, node, encapsulation: encapsulation.by });
    // Then they come by BGP, whose speaker knows no tunnels.
    if (encapsulation.by === 'ipip' && !settings.programs.ipip) continue;
    if (reach.by === 'direct') {
      routes.push(routeTo(prefix, { gateway: at, ...viaOf(reach) }));
      continue;
    }
    // tunl0 sends to whom the route names: the node itself is the end of the tunnel.
    if (encapsulation.by === 'ipip') {
      if (standing.has(IPIP_NAME))
        routes.push(routeTo(prefix, { gateway: at, interfaceName: IPIP_NAME, onlink: true }));
      continue;
    }
    const vtep = vteps.get(`${family} ${node}`);
    const interfaceName = VXLAN_NAMES[family];
    if (vtep === undefined || !standing.has(interfaceName)) continue;
    if (family === 6) ends.set(node, { ...routeTo(hostPrefix(vtep.ip), { interfaceName }), scope: 'link' });
    routes.push(routeTo(prefix, { gateway: vtep.ip, interfaceName, onlink: true }));
  }
  const ipipPeers = standing.has(IPIP_NAME)
    ? others.flatMap(({ ips }) => ips.filter(ip => ip.family === 4))
    : undefined;
  return {
    ...{ devices, entries, routes: [...ends.values(), ...routes], choices, ipipPeers },
    ...{ peers: [...peers.values()], missing: [...missing] },
  };
}

function routeTo(destination: Prefix, way: Pick<Route, 'gateway' | 'interfaceName' | 'onlink'>): Route {
  return {
    ...{ destination, kind: 'unicast', ...way, scope: 'universe' },
    ...{ protocol: ROUTE_PROTOCOL_MUSLIN, metric: TUNNEL_METRIC, table: TABLE_MAIN },
  };
}

/** The kernel shows the interface of each route, so a wanted route without one would never be there. */
const viaOf = ({ interfaceName }: Reach) => (interfaceName === undefined ? {} : { interfaceName });

/** The borrowed address itself, as a prefix of its borrower. */
export function borrowedPrefix(ip: Ip, node: string): NodePrefix {
  return { prefix: hostPrefix(ip), node };
}

/** A choice as a sentence. */
export function choiceText({ prefix, node, encapsulation, by, why }: OverlayChoice): string {
  const how = {
    tunnel: `by ${encapsulation === 'ipip' ? 'IP in IP' : encapsulation}`,
    direct: 'directly',
    others: 'as BGP says',
  }[by];
  return `${formatPrefix(prefix)} of node ${node} ${how}: ${why}`;
}

const byName = (a: NodeFacts, b: NodeFacts) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
