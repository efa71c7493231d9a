import { TUNNEL_DEVICE_NAMES } from '@muslin/dataplane';
import { findLink, listLinks, listRoutes, type NetlinkSocket, ROUTE_TABLE, sysctl } from '@muslin/linux';
import type { Family } from '@muslin/net';
import type { Logger } from 'pino';

/** A node that carries pods' packets is a router. */
export function prepareNode(families: readonly Family[], log: Logger): void {
  const settings = [
    ['net/ipv4/ip_forward', 1],
    // Several equal routes are chosen by ports too, so that one busy pair doesn't ride on one link.
    ['net/ipv4/fib_multipath_hash_policy', 1],
    ...(families.includes(6) ? ([['net/ipv6/conf/all/forwarding', 1]] as const) : []),
  ] as const;
  for (const [key, value] of settings) {
    const set = sysctl(undefined, key, value);
    if (!set.ok) log.warn({ key, fault: set.fault.message }, 'a kernel setting could not be made');
  }
}

/** The MTU of the link that the default route leaves by; 1500 when there is none. */
export function underlayMtu(netlink: NetlinkSocket): number {
  const routes = listRoutes(netlink, { family: 4, table: ROUTE_TABLE.main });
  const link = routes.ok
    ? routes.value.find(route => route.destination.length === 0)?.hops[0]?.link
    : undefined;
  if (link !== undefined) {
    const found = findLink(netlink, link);
    if (found.ok && found.value !== undefined) return found.value.mtu;
  }
  const links = listLinks(netlink);
  const mtus = links.ok
    ? links.value.filter(l => l.up && !l.loopback && !isOurs(l.name)).map(l => l.mtu)
    : [];
  return mtus.length === 0 ? 1500 : Math.min(...mtus);
}

const isOurs = (name: string) => name.startsWith('msl') || TUNNEL_DEVICE_NAMES.includes(name);

/**
 * A connection that was cut must not come back by a packet of its other end, which would look like a new one that goes
 * the other way: nothing is picked up in mid-stream. Needs the module that the rules load.
 */
export function pickUpNothing(log: Logger): void {
  const key = 'net/netfilter/nf_conntrack_tcp_loose';
  const set = sysctl(undefined, key, 0);
  if (!set.ok) log.warn({ key, fault: set.fault.message }, 'a kernel setting could not be made');
}
