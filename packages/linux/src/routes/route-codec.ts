import type { NextHop as Hop, Route, RouteKind, RouteScope } from '@muslin/dataplane';
import { fail, ok, type Result } from '@muslin/net';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NextHop } from '../rtnetlink/route-attributes.ts';
import { type KernelRoute, ROUTE_SCOPE } from '../rtnetlink/routes.ts';
import type { LinkTable } from './link-table.ts';

/** A route that names an interface which does not exist (yet): try again after a link event. */
export interface NoLinkFault {
  readonly code: 'no-link';
  readonly link: string;
  readonly message: string;
}

const KINDS: readonly RouteKind[] = ['unicast', 'blackhole', 'unreachable', 'prohibit', 'local', 'throw'];
const scopeNames = new Map<number, RouteScope>([
  [ROUTE_SCOPE.link, 'link'],
  [ROUTE_SCOPE.host, 'host'],
]);

/** The kernel's form of a wanted route: indexes for interface names. */
export function toKernelRoute(
  route: Route,
  links: LinkTable,
): Result<KernelRoute, NoLinkFault | NetlinkFault> {
  const { destination, kind, protocol, table, metric, source, gateway, interfaceName, onlink } = route;
  const single: Hop = {
    ...(gateway === undefined ? {} : { gateway }),
    ...(interfaceName === undefined ? {} : { interfaceName }),
    ...(onlink === undefined ? {} : { onlink }),
  };
  const plain = gateway === undefined && interfaceName === undefined ? [] : [single];
  const hops: NextHop[] = [];
  for (const hop of route.nextHops ?? plain) {
    const link = hop.interfaceName;
    const found = link === undefined ? ok(undefined) : links.byName(link);
    if (!found.ok) return found;
    if (link !== undefined && found.value === undefined)
      return fail({ code: 'no-link', link, message: `interface ${link} does not exist` });
    hops.push({
      ...(hop.gateway === undefined ? {} : { via: hop.gateway }),
      ...(found.value === undefined ? {} : { link: found.value.index }),
      ...(hop.weight === undefined ? {} : { weight: hop.weight }),
      ...(hop.onlink ? { onlink: true } : {}),
    });
  }
  return ok({
    destination,
    type: kind,
    hops,
    protocol,
    table,
    ...(metric === 0 ? {} : { metric }),
    ...(source === undefined ? {} : { source }),
    ...(destination.ip.family === 4 ? { scope: ROUTE_SCOPE[route.scope] } : {}),
  });
}

/**
 * The planner's form of a kernel route; undefined for kinds that it never compares (broadcast, multicast). An
 * interface that is gone meanwhile is called `#index`, which is no interface's name.
 */
export function fromKernelRoute(
  route: KernelRoute,
  links: LinkTable,
): Result<Route | undefined, NetlinkFault> {
  const kind = KINDS.find(name => name === route.type);
  if (kind === undefined) return ok(undefined);
  const { destination, protocol, table, metric = destination.ip.family === 6 ? 1024 : 0, source } = route;
  const hops: Hop[] = [];
  for (const { via, link, weight, onlink } of route.hops) {
    const found = link === undefined ? ok(undefined) : links.byIndex(link);
    if (!found.ok) return found;
    hops.push({
      ...(via === undefined ? {} : { gateway: via }),
      ...(link === undefined ? {} : { interfaceName: found.value?.name ?? `#${link}` }),
      ...(weight === undefined ? {} : { weight }),
      ...(onlink ? { onlink: true as const } : {}),
    });
  }
  return ok({
    destination,
    kind,
    ...(hops.length > 1 ? { nextHops: hops } : hops[0]),
    scope: scopeNames.get(route.scope ?? 0) ?? 'universe',
    protocol,
    metric,
    table,
    ...(source === undefined ? {} : { source }),
  });
}
