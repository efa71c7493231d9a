import { type Ip, ip4, ipFromBytes, ipToBytes } from '@muslin/net';
import { readI32, readU8, readU16 } from '../netlink/message-reader.ts';
import type { NetlinkWriter } from '../netlink/message-writer.ts';
import { type Attribute, custom, ip, nest, readFields, u32, writeFields } from '../netlink/attribute.ts';
import { FAMILY } from '../netlink/address-family.ts';

/** One way out of a route. */
export interface NextHop {
  /** The router; absent when the destination is on the link itself. May be IPv6 for an IPv4 route (RFC 8950). */
  readonly via?: Ip;
  /** ifindex of the outgoing link; absent lets the kernel find it by `via`. */
  readonly link?: number;
  /** Share of the flows, 1–256. Absent is 1. */
  readonly weight?: number;
  /** Take `via` as a neighbour even though no on-link prefix holds it. */
  readonly onlink?: boolean;
}

/** Next hop flags (RTNH_F_*). */
export const RTNH = { dead: 1, onlink: 4, linkDown: 16 } as const;
const NEXT_HOP_HEADER = 8;

/** Family and address (struct rtvia): the router of an IPv4 route has an IPv6 address. */
const via = (type: number): Attribute<Ip> =>
  custom(
    type,
    (w, value) => w.u16(FAMILY[value.family]).bytes(ipToBytes(value)),
    bytes => ipFromBytes(bytes.subarray(2)) ?? ip4(0),
  );

const HOP_ATTRIBUTES = { gateway: ip(5), via: via(18) } as const;

/** `via` goes into RTA_GATEWAY, or into RTA_VIA when its family is not the route's. */
export function gatewayFields(family: 4 | 6, hop: NextHop): { gateway?: Ip; via?: Ip } {
  if (hop.via === undefined) return {};
  return hop.via.family === family ? { gateway: hop.via } : { via: hop.via };
}

/** A next hop with the family of its route, which decides how the router's address is written. */
export interface FamilyHops {
  readonly family: 4 | 6;
  readonly hops: readonly NextHop[];
}

function writeHops(w: NetlinkWriter, { family, hops }: FamilyHops): void {
  for (const hop of hops) {
    // struct rtnexthop has the shape of an attribute: length, then (flags, weight - 1) where the type is.
    w.attribute((hop.onlink ? RTNH.onlink : 0) | (((hop.weight ?? 1) - 1) << 8), () => {
      w.u32(hop.link ?? 0);
      writeFields(w, HOP_ATTRIBUTES, gatewayFields(family, hop));
    });
  }
}

function readHops(bytes: Uint8Array): FamilyHops {
  const hops: NextHop[] = [];
  for (let at = 0; at + NEXT_HOP_HEADER <= bytes.length; ) {
    const length = readU16(bytes, at);
    if (length < NEXT_HOP_HEADER || at + length > bytes.length) break;
    const fields = readFields(HOP_ATTRIBUTES, bytes.subarray(at, at + length), NEXT_HOP_HEADER);
    hops.push(
      nextHop(
        fields.gateway ?? fields.via,
        readI32(bytes, at + 4),
        readU8(bytes, at + 2),
        readU8(bytes, at + 3) + 1,
      ),
    );
    at += (length + 3) & ~3;
  }
  return { family: 4, hops };
}

/** A next hop from the kernel's parts; defaults are left out. */
export function nextHop(gateway: Ip | undefined, link: number, flags: number, weight: number): NextHop {
  return {
    ...(gateway === undefined ? {} : { via: gateway }),
    ...(link === 0 ? {} : { link }),
    ...(weight === 1 ? {} : { weight }),
    ...((flags & RTNH.onlink) === 0 ? {} : { onlink: true }),
  };
}

/** Route attributes (RTA_*). */
export const ROUTE_ATTRIBUTES = {
  destination: ip(1),
  link: u32(4),
  gateway: ip(5),
  metric: u32(6),
  source: ip(7),
  metrics: nest(8, { mtu: u32(2) }, false),
  multipath: custom<FamilyHops>(9, writeHops, readHops),
  table: u32(15),
  via: via(18),
} as const;
