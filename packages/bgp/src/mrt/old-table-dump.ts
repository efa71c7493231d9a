import {
  ByteReader,
  type ByteWriter,
  fail,
  ipFromBytes,
  ipToBytes,
  ok,
  prefix as prefixOf,
  type Result,
} from '@muslin/net';
import type { MrtFault, MrtRecord, MrtTime } from './mrt-record.ts';

type Route = Extract<MrtRecord, { readonly kind: 'route' }>;
const RFC = 'RFC 6396 §4.2';

/** Reads a record of a TABLE_DUMP, whose addresses have `octets` octets (RFC 6396 §4.2). */
export function readOldRoute(at: MrtTime, octets: 4 | 16, body: Uint8Array): Result<Route, MrtFault> {
  const reader = new ByteReader(body);
  const [view, sequence] = [reader.u16(), reader.u16()];
  const ip = ipFromBytes(reader.take(octets));
  const length = reader.u8();
  reader.u8(); // Status: always 1.
  const originated = reader.u32();
  const peerIp = ipFromBytes(reader.take(octets));
  const peerAs = reader.u16();
  const attributes = reader.take(reader.u16());
  if (ip === undefined || peerIp === undefined || reader.overrun || reader.left > 0)
    return fail({ message: 'a route is cut off', rfc: RFC });
  if (length > octets * 8)
    return fail({ message: `a prefix length of ${length} is more than ${octets * 8}`, rfc: RFC });
  const prefix = prefixOf(ip, length);
  return ok({ kind: 'route', at, view, sequence, prefix, originated, peerIp, peerAs, attributes });
}

/** Writes a record of a TABLE_DUMP. Prefix and peer must have one address family. */
export function writeOldRoute(route: Route, writer: ByteWriter): void {
  const { prefix, attributes } = route;
  writer.u16(route.view).u16(route.sequence).bytes(ipToBytes(prefix.ip)).u8(prefix.length).u8(1);
  writer.u32(route.originated).bytes(ipToBytes(route.peerIp)).u16(route.peerAs);
  writer.u16(attributes.length).bytes(attributes);
}
