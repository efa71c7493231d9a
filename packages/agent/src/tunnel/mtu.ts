import type { Family } from '@muslin/net';
import type { Sandbox } from '../pod/sandbox-store.ts';
import { OVERHEAD, TUNNEL_DEVICE_NAMES, type TunnelSettings } from '@muslin/dataplane';
import { listLinks, listRoutes, type NetlinkSocket, ROUTE_TABLE } from '@muslin/linux';

/** An interface, as far as packet sizes are concerned. */
export interface SizedLink {
  readonly name: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly loopback: boolean;
  /** Whether a default route of the main table leaves by it. */
  readonly leadsOut: boolean;
}

/** All that the sizes of packets depend on. */
export interface MtuFacts {
  readonly links: readonly SizedLink[];
  /** FelixConfiguration `mtuIfacePattern`; undefined: the links of the default routes. */
  readonly pattern: RegExp | undefined;
  readonly settings: Pick<TunnelSettings, 'mtu' | 'wireguard'>;
  /** Encapsulations that pools, or encryption, ask for. */
  readonly tunnels: {
    readonly vxlan: readonly Family[];
    readonly ipip: boolean;
    readonly wireguard: readonly Family[];
  };
}

/** How large packets may be, and why. */
export interface MtuChoice {
  /** Of packets between nodes, bytes. */
  readonly underlay: number;
  /** Of pods that start from now on. */
  readonly pods: number;
  /** A sentence about both. */
  readonly why: string;
}

/** Ethernet's, where nothing says otherwise (RFC 894). */
const USUAL = 1500;
/** A pod or a device that does not carry packets between nodes. */
const isOurs = (name: string) => name.startsWith('msl') || TUNNEL_DEVICE_NAMES.includes(name);

/** The smallest underlay that packets between nodes may take, less what the largest encapsulation adds to a packet. */
export function chooseMtu({ links, pattern, settings, tunnels }: MtuFacts): MtuChoice {
  const usable = links.filter(({ up, loopback, name }) => up && !loopback && !isOurs(name));
  const matching = pattern === undefined ? [] : usable.filter(({ name }) => pattern.test(name));
  const out = usable.filter(({ leadsOut }) => leadsOut);
  const [counted, how] =
    matching.length > 0
      ? [matching, `matches ${pattern?.source}`]
      : out.length > 0
        ? [out, 'has a default route']
        : [usable, 'is the smallest of all'];
  const least = counted.toSorted((a, b) => a.mtu - b.mtu)[0];
  const underlay = least?.mtu ?? USUAL;
  const under =
    least === undefined
      ? `no interface is up, ${USUAL} is usual`
      : `${least.name}, which ${how}, has ${underlay}`;
  const { mtu, wireguard } = settings;
  const inner = [
    ...tunnels.vxlan.map(family =>
      wrap(`VXLAN over IPv${family}`, mtu[`vxlan${family}`], OVERHEAD.vxlan[family]),
    ),
    ...(tunnels.ipip ? [wrap('IP in IP', mtu.ipip, OVERHEAD.ipip)] : []),
    ...tunnels.wireguard.map(family =>
      wrap(`WireGuard over IPv${family}`, wireguard.mtu[family], OVERHEAD.wireguard[family]),
    ),
  ];
  function wrap(name: string, configured: number | undefined, overhead: number) {
    return configured === undefined
      ? { size: underlay - overhead, why: `${name} adds ${overhead}` }
      : { size: configured, why: `${name} is configured to carry ${configured}` };
  }
  const tightest = inner.toSorted((a, b) => a.size - b.size)[0];
  if (tightest === undefined || tightest.size >= underlay) return { underlay, pods: underlay, why: under };
  return { underlay, pods: tightest.size, why: `${under}, and ${tightest.why}` };
}

/** The links of the node's namespace; undefined when they can't be read. */
export function sizedLinks(netlink: NetlinkSocket): readonly SizedLink[] | undefined {
  const links = listLinks(netlink);
  if (!links.ok) return undefined;
  const leading = new Set<number>();
  for (const family of [4, 6] as const) {
    const routes = listRoutes(netlink, { family, table: ROUTE_TABLE.main });
    // A kernel without IPv6 has no routes of it.
    if (!routes.ok) continue;
    for (const { destination, hops, type } of routes.value)
      if (destination.length === 0 && type === 'unicast')
        for (const { link } of hops) if (link !== undefined) leading.add(link);
  }
  return links.value.map(({ name, mtu, up, loopback, index }) => ({
    ...{ name, mtu, up, loopback, leadsOut: leading.has(index) },
  }));
}

/** For people, with pods that were born with more than packets may have by now: what they send may get lost. */
export function mtuStatus(
  choice: MtuChoice,
  sandboxes: readonly Pick<Sandbox, 'mtu' | 'madeBy' | 'pod'>[],
): object {
  const larger = sandboxes.filter(({ mtu, madeBy }) => madeBy === undefined && mtu > choice.pods);
  const names = larger.map(({ pod }) => `${pod.namespace}/${pod.name}`);
  return { ...choice, larger: [...new Set(names)].toSorted() };
}
