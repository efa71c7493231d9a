import { listAddresses, listRoutes, type NetlinkSocket, ROUTE_PROTOCOL, ROUTE_TABLE } from '@muslin/linux';
import { type Family, fail, formatIp, ok, type Result, widthOf } from '@muslin/net';
import { findOrphans } from '../pod/orphan-links.ts';
import type { Sandbox } from '../pod/sandbox-store.ts';

/** What this node has of addresses. */
export interface Sighted {
  /** Sorted texts: addresses that are or may be in use here. */
  readonly addresses: readonly string[];
  /** Why an address that is not listed may be in use all the same; undefined when it is not. */
  readonly doubt: string | undefined;
}

/** What is looked at. */
export interface WitnessOptions {
  readonly netlink: NetlinkSocket;
  readonly families: readonly Family[];
  readonly sandboxes: () => readonly Sandbox[];
  /** Interfaces of pods that no sandbox owns. */
  readonly orphans?: typeof findOrphans;
}

/** Most addresses that an AddressNodeStatus lists. */
const MOST = 4_096;

/**
 * Looks which addresses this node has: routes to single addresses that lead into one of its links, its own addresses,
 * and what the sandboxes on disk say. It rather names one too many: whoever is named is not freed.
 */
export function witnessAddresses(options: WitnessOptions): Result<Sighted, string> {
  const { netlink, families, sandboxes, orphans = findOrphans } = options;
  const found = new Set<string>();
  const own = listAddresses(netlink);
  if (!own.ok) return fail(own.fault.message);
  for (const { ip, scope = 0 } of own.value) if (scope === 0) found.add(formatIp(ip));
  for (const family of families) {
    const routes = listRoutes(netlink, { family, table: ROUTE_TABLE.main });
    if (!routes.ok) return fail(routes.fault.message);
    for (const { destination, hops, protocol } of routes.value)
      if (
        destination.length === widthOf(family) &&
        protocol !== ROUTE_PROTOCOL.bgp &&
        hops.some(hop => hop.via === undefined)
      )
        found.add(formatIp(destination.ip));
  }
  const all = sandboxes();
  for (const { ips } of all) for (const ip of ips) found.add(ip);
  const asking = all.filter(({ ips, state }) => ips.length === 0 && state === 'adding');
  const held = orphans(netlink, new Set(all.map(({ hostInterface }) => hostInterface))).filter(
    ({ removable }) => !removable,
  );
  const doubts = [
    ...asking.map(({ pod }) => `pod ${pod.namespace}/${pod.name} is about to get its addresses`),
    ...held.map(({ name, because }) => `interface ${name} has no sandbox, and ${because}`),
    ...(found.size > MOST ? [`it has ${found.size} addresses, more than the ${MOST} that are told`] : []),
  ];
  return ok({ addresses: [...found].toSorted().slice(0, MOST), doubt: doubts[0] });
}
