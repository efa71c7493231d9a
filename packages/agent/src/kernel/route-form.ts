import type { NextHop, Route } from '@muslin/dataplane';
import type { Hop, Route as KernelRoute, RouteOp } from '@muslin/linux';

/** A planned route as the driver takes it. */
export function toRouteOp(action: 'add' | 'replace' | 'remove', route: Route): RouteOp {
  const { destination, kind: type, table, protocol, source } = route;
  const metric = route.metric === 0 ? {} : { metric: route.metric };
  const base = { destination, type, table, protocol, ...metric };
  if (action === 'remove') return { op: 'remove', route: base };
  return { op: 'put', route: { ...base, hops: hopsOf(route), ...(source === undefined ? {} : { source }) } };
}

function hopsOf(route: Route): Hop[] {
  const single: NextHop = {
    ...(route.gateway === undefined ? {} : { gateway: route.gateway }),
    ...(route.interfaceName === undefined ? {} : { interfaceName: route.interfaceName }),
    ...(route.onlink === undefined ? {} : { onlink: route.onlink }),
  };
  const hops = route.nextHops ?? (Object.keys(single).length === 0 ? [] : [single]);
  return hops.map(({ gateway, interfaceName, weight, onlink }) => ({
    ...(gateway === undefined ? {} : { via: gateway }),
    ...(interfaceName === undefined ? {} : { link: interfaceName }),
    ...(weight === undefined ? {} : { weight }),
    ...(onlink === undefined ? {} : { onlink }),
  }));
}

/** A route of the kernel as plans know it; undefined for types that we never make. */
export function fromKernelRoute(route: KernelRoute): Route | undefined {
  const { type, hops, destination, table, protocol, metric = 0, source } = route;
  if (type === 'broadcast' || type === 'anycast' || type === 'multicast') return undefined;
  const [first, ...more] = hops;
  const way = (hop: Hop): NextHop => ({
    ...(hop.via === undefined ? {} : { gateway: hop.via }),
    ...(hop.link === undefined ? {} : { interfaceName: hop.link }),
    ...(hop.onlink ? { onlink: true as const } : {}),
  });
  const six = destination.ip.family === 6;
  const onLink = type === 'unicast' && hops.length === 1 && first?.via === undefined;
  return {
    destination,
    kind: type,
    table,
    protocol,
    metric: six && metric === 1024 ? 0 : metric,
    scope: type === 'local' ? 'host' : onLink && !six ? 'link' : 'universe',
    ...(source === undefined ? {} : { source }),
    ...(first === undefined
      ? {}
      : more.length === 0
        ? way(first)
        : { nextHops: hops.map(hop => ({ ...way(hop), weight: hop.weight ?? 1 })) }),
  };
}
