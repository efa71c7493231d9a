import { ByteTail, ByteWriter, fail, ok, type Result } from '@muslin/net';
import type { MrtFault, MrtRecord, MrtTime } from './mrt-record.ts';
import { MRT_TYPES, PEER_INDEX_TABLE, RIB_GENERIC, RIB_SUBTYPES, SESSION_SUBTYPES } from './mrt-types.ts';
import { readOldRoute, writeOldRoute } from './old-table-dump.ts';
import { readSession, writeSession } from './session-record.ts';
import { readGenericRib, readPeers, readRib, writePeers, writeRib } from './table-dump.ts';

/** Octets of the common header (RFC 6396 §2). */
const HEADER = 12;
/** No honest record is longer: a route with 65,535 paths of usual size is shorter. */
const LONGEST = 1 << 24;

/** Writes a record with its header. */
export function encodeMrt(record: MrtRecord): Uint8Array {
  const [type, subtype] = typeOf(record);
  const { seconds, microseconds } = record.at;
  const writer = new ByteWriter(256);
  writer.u32(seconds).u16(type).u16(subtype).u32(0);
  if (record.kind !== 'other' && type === MRT_TYPES.bgp4mpEt) writer.u32(microseconds ?? 0);
  switch (record.kind) {
    case 'peers':
      writePeers(record, writer);
      break;
    case 'rib':
      writeRib(record, writer);
      break;
    case 'route':
      writeOldRoute(record, writer);
      break;
    case 'message':
    case 'state-change':
      writeSession(record, writer);
      break;
    case 'other':
      writer.bytes(record.bytes);
      break;
    default:
      record satisfies never;
  }
  const bytes = writer.finish();
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(8, bytes.length - HEADER);
  return bytes;
}

function typeOf(record: MrtRecord): readonly [type: number, subtype: number] {
  switch (record.kind) {
    case 'peers':
      return [MRT_TYPES.tableDumpV2, PEER_INDEX_TABLE];
    case 'rib': {
      const row = RIB_SUBTYPES.find(r => r.family === record.family && r.addPath === record.addPath);
      if (row === undefined) throw new Error(`${record.family} has no subtype of TABLE_DUMP_V2`);
      return [MRT_TYPES.tableDumpV2, row.subtype];
    }
    case 'route':
      return [MRT_TYPES.tableDump, record.prefix.ip.family === 6 ? 2 : 1];
    case 'message':
    case 'state-change': {
      const local = record.kind === 'message' && record.local;
      const addPath = record.kind === 'message' && record.addPath;
      const row = SESSION_SUBTYPES.find(
        r =>
          r.what === record.kind &&
          r.fourOctetAs === record.fourOctetAs &&
          r.local === local &&
          r.addPath === addPath,
      );
      if (row === undefined) throw new Error('every kind of session record has a subtype');
      return [record.at.microseconds === undefined ? MRT_TYPES.bgp4mp : MRT_TYPES.bgp4mpEt, row.subtype];
    }
    case 'other':
      return [record.type, record.subtype];
    default:
      return record satisfies never;
  }
}

/** Cuts a stream of bytes into MRT records. `push` bytes, then call `next` until it gives undefined. */
export class MrtReader {
  readonly #tail = new ByteTail();

  push(bytes: Uint8Array): void {
    this.#tail.push(bytes);
  }

  /** Octets that are not yet a whole record; more than 0 at the end of a file means that it is cut off. */
  get left(): number {
    return this.#tail.left;
  }

  /** The next record, a fault when it is none (the one after it may be good), undefined when more bytes are needed. */
  next(): Result<MrtRecord, MrtFault> | undefined {
    if (this.left < HEADER) return undefined;
    const reader = this.#tail.peek();
    const [seconds, type, subtype, length] = [reader.u32(), reader.u16(), reader.u16(), reader.u32()];
    if (length > LONGEST) {
      this.#tail.clear();
      return fail({
        message: `a record can't have ${length} octets: this is no MRT file`,
        rfc: 'RFC 6396 §2',
      });
    }
    if (this.left < HEADER + length) return undefined;
    this.#tail.take(HEADER);
    return readBody(seconds, type, subtype, this.#tail.take(length));
  }
}

function readBody(
  seconds: number,
  type: number,
  subtype: number,
  body: Uint8Array,
): Result<MrtRecord, MrtFault> {
  if (type === MRT_TYPES.tableDump && (subtype === 1 || subtype === 2))
    return readOldRoute({ seconds }, subtype === 2 ? 16 : 4, body);
  if (type === MRT_TYPES.tableDumpV2) {
    if (subtype === PEER_INDEX_TABLE) return readPeers({ seconds }, body);
    const row = RIB_SUBTYPES.find(r => r.subtype === subtype);
    if (row !== undefined) return readRib({ seconds }, row.family, row.addPath, body);
    const generic = subtype === RIB_GENERIC ? readGenericRib({ seconds }, body) : undefined;
    if (generic !== undefined) return generic;
  }
  if (type === MRT_TYPES.bgp4mp || type === MRT_TYPES.bgp4mpEt) {
    const row = SESSION_SUBTYPES.find(r => r.subtype === subtype);
    const extended = type === MRT_TYPES.bgp4mpEt;
    if (extended && body.length < 4)
      return fail({ message: 'the microseconds of a record are cut off', rfc: 'RFC 6396 §3' });
    const at: MrtTime = extended ? { seconds, microseconds: wordOf(body) } : { seconds };
    if (row !== undefined) return readSession(at, row, extended ? body.subarray(4) : body);
  }
  return ok({ kind: 'other', at: { seconds }, type, subtype, bytes: body });
}

function wordOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}
