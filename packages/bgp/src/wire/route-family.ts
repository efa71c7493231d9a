import type { Family } from '@muslin/net';

/** One row per NLRI family that Muslin carries (RFC 4760 §3; codes from the IANA AFI and SAFI registries). */
export const ROUTE_FAMILIES = [
  { name: 'ipv4-unicast', afi: 1, safi: 1, ip: 4, width: 32, words: 1 },
  { name: 'ipv6-unicast', afi: 2, safi: 1, ip: 6, width: 128, words: 4 },
] as const satisfies readonly {
  name: string;
  afi: number;
  safi: number;
  ip: Family;
  width: number;
  words: number;
}[];

/** A kind of routes that a session can carry. */
export type RouteFamily = (typeof ROUTE_FAMILIES)[number]['name'];

/** Something for each route family. */
export type PerFamily<T> = Readonly<Record<RouteFamily, T>>;

/** All families, in the order of their codes. */
export const ALL_FAMILIES: readonly RouteFamily[] = ROUTE_FAMILIES.map(row => row.name);

/** The row of a family. */
export function familyRow(family: RouteFamily): (typeof ROUTE_FAMILIES)[number] {
  return family === 'ipv4-unicast' ? ROUTE_FAMILIES[0] : ROUTE_FAMILIES[1];
}

/** The family with these codes, when Muslin knows it. */
export function familyOfCodes(afi: number, safi: number): RouteFamily | undefined {
  return ROUTE_FAMILIES.find(row => row.afi === afi && row.safi === safi)?.name;
}

/** The unicast family of an address family. */
export function unicastOf(ip: Family): RouteFamily {
  return ip === 4 ? 'ipv4-unicast' : 'ipv6-unicast';
}

/** Builds a value for each family. */
export function perFamily<T>(make: (family: RouteFamily) => T): PerFamily<T> {
  return { 'ipv4-unicast': make('ipv4-unicast'), 'ipv6-unicast': make('ipv6-unicast') };
}
