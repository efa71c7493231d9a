import { formatIp, formatPrefix, hostPrefix, type Ip, type Prefix } from '@muslin/net';

/**
 * Marks routes as the agent's in `rtm_protocol`: 0–4 are the kernel's, 186 BGP's, 80 is what Calico's Felix uses,
 * and rtnetlink.h names none from 100 to 185, so 109 ('m') collides with nobody and can be named in rt_protos.
 */
export const ROUTE_PROTOCOL_MUSLIN = 109;

/** RTPROT_BGP of rtnetlink.h: routes that the speaker learned, and only the speaker touches. */
export const ROUTE_PROTOCOL_BGP = 186;

/** RT_TABLE_MAIN. */
export const TABLE_MAIN = 254;

/** What the kernel does with a packet for the destination (RTN_*). */
export type RouteKind = 'unicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'local' | 'throw';

/** How far the destination is (RT_SCOPE_*). IPv6 has no scopes: the kernel reports `universe`. */
export type RouteScope = 'universe' | 'link' | 'host';

/** One way of several (ECMP). */
export interface NextHop {
  readonly gateway?: Ip;
  readonly interfaceName?: string;
  /** 1–256; 1 when absent. */
  readonly weight?: number;
  readonly onlink?: true;
}

/** One entry of a routing table. */
export interface Route {
  readonly destination: Prefix;
  readonly kind: RouteKind;
  readonly gateway?: Ip;
  readonly interfaceName?: string;
  /** Two or more: ECMP, and then neither `gateway` nor `interfaceName`. */
  readonly nextHops?: readonly NextHop[];
  readonly scope: RouteScope;
  /** Reach the gateway over the interface even when no address there covers it. */
  readonly onlink?: true;
  readonly protocol: number;
  /** Lower wins. IPv6's kernel default is 1024; 0 means that default there. */
  readonly metric: number;
  readonly table: number;
  /** Preferred source of what the node itself sends. */
  readonly source?: Ip;
}

/** What the kernel tells routes apart by: two with the same key can't both be there. */
export function routeKey(route: Route): string {
  let key = keys.get(route);
  if (key === undefined) {
    key = `${route.table} ${formatPrefix(route.destination)} ${metricOf(route)}`;
    keys.set(route, key);
  }
  return key;
}

/** Each plan asks for those of all routes. */
const keys = new WeakMap<Route, string>();

const metricOf = (route: Route) => route.metric || (route.destination.ip.family === 6 ? 1024 : 0);

/** Whether the kernel holds two such routes as the same. */
export function sameRoute(a: Route, b: Route): boolean {
  return a === b || routeText(a) === routeText(b);
}

/** The whole route as text, in the words of ip-route(8), for people and for comparing. */
export function routeText(route: Route): string {
  const hop = (h: NextHop) =>
    [
      h.gateway === undefined ? '' : ` via ${formatIp(h.gateway)}`,
      h.interfaceName === undefined ? '' : ` dev ${h.interfaceName}`,
      h.onlink ? ' onlink' : '',
    ].join('');
  const hops = (route.nextHops ?? []).map(h => ` nexthop${hop(h)} weight ${h.weight ?? 1}`).toSorted();
  const scope = route.destination.ip.family === 6 ? '' : ` scope ${route.scope}`;
  const source = route.source === undefined ? '' : ` src ${formatIp(route.source)}`;
  return `${route.kind} ${formatPrefix(route.destination)}${hop(route)}${hops.join('')} table ${route.table} proto ${route.protocol}${scope} metric ${metricOf(route)}${source}`;
}

/** A pod's address: straight over its interface (RFC 4291 host prefix, no neighbour subnet). */
export function workloadRoute(ip: Ip, interfaceName: string, source?: Ip): Route {
  return {
    destination: hostPrefix(ip),
    kind: 'unicast',
    interfaceName,
    scope: 'link',
    protocol: ROUTE_PROTOCOL_MUSLIN,
    metric: 0,
    table: TABLE_MAIN,
    ...(source === undefined ? {} : { source }),
  };
}

/** An own block: what no pod has must not follow the default route back to where it came from. */
export function blackholeRoute(block: Prefix): Route {
  return {
    destination: block,
    kind: 'blackhole',
    scope: 'universe',
    protocol: ROUTE_PROTOCOL_MUSLIN,
    metric: 0,
    table: TABLE_MAIN,
  };
}
