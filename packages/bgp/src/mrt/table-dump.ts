import {
  ByteReader,
  type ByteWriter,
  fail,
  type Ip,
  ip4,
  ipFromBytes,
  ipToBytes,
  ok,
  prefix as prefixOf,
  type Result,
} from '@muslin/net';
import { familyOfCodes, familyRow, type RouteFamily } from '../wire/route-family.ts';
import { utf8Bytes, utf8Text } from '../wire/utf8.ts';
import type { MrtFault, MrtPath, MrtPeer, MrtRecord, MrtTime } from './mrt-record.ts';

type Peers = Extract<MrtRecord, { readonly kind: 'peers' }>;
type Rib = Extract<MrtRecord, { readonly kind: 'rib' }>;
const cutOff = (what: string, rfc: string) => fail<MrtFault>({ message: `${what} is cut off`, rfc });

/** Reads a PEER_INDEX_TABLE (RFC 6396 §4.3.1). */
export function readPeers(at: MrtTime, body: Uint8Array): Result<Peers, MrtFault> {
  const reader = new ByteReader(body);
  const collector = ip4(reader.u32());
  const view = utf8Text(reader.take(reader.u16()));
  const count = reader.u16();
  const peers: MrtPeer[] = [];
  for (let i = 0; i < count && !reader.overrun; i++) {
    const type = reader.u8();
    const id = ip4(reader.u32());
    const ip = ipFromBytes(reader.take(type & 1 ? 16 : 4));
    const asNumber = type & 2 ? reader.u32() : reader.u16();
    if (ip !== undefined) peers.push({ id, ip, asNumber });
  }
  if (reader.overrun || reader.left > 0) return cutOff('a table of peers', 'RFC 6396 §4.3.1');
  return ok({ kind: 'peers', at, collector, view, peers });
}

/** Writes a PEER_INDEX_TABLE; all AS numbers take four octets. */
export function writePeers({ collector, view, peers }: Peers, writer: ByteWriter): void {
  const name = utf8Bytes(view, 0xffff);
  writer.u32(collector.bits).u16(name.length).bytes(name).u16(peers.length);
  for (const { id, ip, asNumber } of peers) {
    writer.u8(ip.family === 6 ? 3 : 2).u32(id.bits);
    writer.bytes(ipToBytes(ip)).u32(asNumber);
  }
}

/**
 * Reads the paths to one prefix of whatever family the record says that it is of (RFC 6396 §4.3.3); undefined: one that Muslin
 * does not carry. With path identifiers there is no such reader: RFC 8050 puts them elsewhere than GoBGP and OpenBGPD do.
 */
export function readGenericRib(at: MrtTime, body: Uint8Array): Result<Rib, MrtFault> | undefined {
  const reader = new ByteReader(body);
  const sequence = reader.u32();
  const family = familyOfCodes(reader.u16(), reader.u8());
  if (reader.overrun) return cutOff('a route', 'RFC 6396 §4.3.3');
  return family && readRoute(reader, { at, sequence, family, addPath: false });
}

/** Reads the paths to one prefix (RFC 6396 §4.3.2, RFC 8050 §4.1). */
export function readRib(
  at: MrtTime,
  family: RouteFamily,
  addPath: boolean,
  body: Uint8Array,
): Result<Rib, MrtFault> {
  const reader = new ByteReader(body);
  return readRoute(reader, { at, sequence: reader.u32(), family, addPath });
}

function readRoute(
  reader: ByteReader,
  head: Pick<Rib, 'at' | 'sequence' | 'family' | 'addPath'>,
): Result<Rib, MrtFault> {
  const { family, addPath } = head;
  const length = reader.u8();
  const { width } = familyRow(family);
  if (length > width)
    return fail({ message: `a prefix length of ${length} is more than ${width}`, rfc: 'RFC 6396 §4.3.2' });
  const octets = new Uint8Array(width / 8);
  octets.set(reader.take((length + 7) >> 3));
  const prefix = prefixOf(ipFromBytes(octets) as Ip, length);
  const count = reader.u16();
  const paths: MrtPath[] = [];
  for (let i = 0; i < count && !reader.overrun; i++) {
    const peer = reader.u16();
    const originated = reader.u32();
    const pathId = addPath ? reader.u32() : 0;
    paths.push({ peer, originated, pathId, attributes: reader.take(reader.u16()) });
  }
  if (reader.overrun || reader.left > 0) return cutOff('a route', 'RFC 6396 §4.3.2');
  return ok({ kind: 'rib', ...head, prefix, paths });
}

/** Writes the paths to one prefix. */
export function writeRib({ sequence, prefix, paths, addPath }: Rib, writer: ByteWriter): void {
  writer.u32(sequence).u8(prefix.length);
  writer.bytes(ipToBytes(prefix.ip).subarray(0, (prefix.length + 7) >> 3)).u16(paths.length);
  for (const path of paths) {
    writer.u16(path.peer).u32(path.originated);
    if (addPath) writer.u32(path.pathId);
    writer.u16(path.attributes.length).bytes(path.attributes);
  }
}
