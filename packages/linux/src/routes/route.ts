import { type Family, formatPrefix, type Ip, type Prefix } from '@muslin/net';
import type { RouteType } from '../rtnetlink/routes.ts';

/** One way out of a route, with its interface by name. */
export interface Hop {
  /** The router; absent when the destination is on the link itself. */
  readonly via?: Ip;
  /** Interface name; absent lets the kernel find it by `via`. */
  readonly link?: string;
  /** Share of the flows, 1–256; absent is 1. */
  readonly weight?: number;
  /** Take `via` as a neighbour even though no on-link prefix holds it. */
  readonly onlink?: boolean;
}

/** A route as Muslin wants it: like the kernel's, but with interface names, which outlive re-created links. */
export interface Route {
  readonly destination: Prefix;
  readonly type: RouteType;
  readonly hops: readonly Hop[];
  readonly table: number;
  readonly protocol: number;
  /** Lower wins; absent is the family's default (0 for IPv4, 1024 for IPv6). */
  readonly metric?: number;
  readonly source?: Ip;
  readonly mtu?: number;
}

/** One step of a plan. `put` adds the route or takes the place of the one with its key, without a gap. */
export type RouteOp =
  | { readonly op: 'put'; readonly route: Route }
  /** A route that is not there is no fault. */
  | {
      readonly op: 'remove';
      readonly route: Pick<Route, 'destination' | 'type' | 'table' | 'protocol' | 'metric'>;
    };

/** What names a route in the kernel: table, destination and metric. */
export function routeKey(route: Pick<Route, 'destination' | 'table' | 'metric'>): string {
  return `${route.table} ${formatPrefix(route.destination)} ${route.metric ?? ''}`;
}

/** Whose routes to read. */
export interface RouteOwner {
  readonly family: Family;
  readonly protocol: number;
  /** Absent: every table. */
  readonly table?: number;
}
