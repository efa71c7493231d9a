import {
  ByteReader,
  type ByteWriter,
  fail,
  type Ip,
  ipFromBytes,
  ipToBytes,
  ok,
  type Result,
} from '@muslin/net';
import { HEADER_LENGTH } from '../wire/framer.ts';
import type { MrtEnds, MrtFault, MrtRecord, MrtTime } from './mrt-record.ts';
import { MRT_STATES, type MrtState, type SESSION_SUBTYPES } from './mrt-types.ts';

type SessionRecord = Extract<MrtRecord, { readonly kind: 'message' | 'state-change' }>;
type Row = (typeof SESSION_SUBTYPES)[number];
const bad = (message: string) => fail<MrtFault>({ message, rfc: 'RFC 6396 §4.4' });

/** Reads what happened on a session (RFC 6396 §4.4, RFC 8050 §3). */
export function readSession(at: MrtTime, row: Row, body: Uint8Array): Result<SessionRecord, MrtFault> {
  const reader = new ByteReader(body);
  const as = () => (row.fourOctetAs ? reader.u32() : reader.u16());
  const [remoteAs, localAs, interfaceIndex, afi] = [as(), as(), reader.u16(), reader.u16()];
  if (!reader.overrun && afi !== 1 && afi !== 2) return bad(`${afi} is no address family of a session`);
  const address = () => ipFromBytes(reader.take(afi === 2 ? 16 : 4));
  const [remoteIp, localIp] = [address(), address()];
  if (remoteIp === undefined || localIp === undefined) return bad('the ends of a session are cut off');
  const ends: MrtEnds = {
    remoteAs,
    localAs,
    interfaceIndex,
    remoteIp,
    localIp,
    fourOctetAs: row.fourOctetAs,
  };
  if (row.what === 'state-change') {
    const [from, to] = [stateOf(reader.u16()), stateOf(reader.u16())];
    if (reader.overrun || reader.left > 0) return bad('a change of state has the wrong length');
    if (from === undefined || to === undefined) return bad('a change of state names a state that is none');
    return ok({ kind: 'state-change', at, ...ends, from, to });
  }
  const bytes = reader.take(reader.left);
  if (bytes.length < HEADER_LENGTH) return bad('a BGP message is cut off');
  return ok({ kind: 'message', at, ...ends, local: row.local, addPath: row.addPath, bytes });
}

/** Writes what happened on a session. Both ends must have one address family. */
export function writeSession(record: SessionRecord, writer: ByteWriter): void {
  for (const as of [record.remoteAs, record.localAs])
    if (record.fourOctetAs) writer.u32(as);
    else writer.u16(as);
  writer.u16(record.interfaceIndex).u16(afiOf(record.remoteIp));
  writer.bytes(ipToBytes(record.remoteIp)).bytes(ipToBytes(record.localIp));
  if (record.kind === 'message') writer.bytes(record.bytes);
  else writer.u16(codeOf(record.from)).u16(codeOf(record.to));
}

function stateOf(code: number): MrtState | undefined {
  return MRT_STATES[code - 1];
}

function codeOf(state: MrtState): number {
  return MRT_STATES.indexOf(state) + 1;
}

function afiOf(ip: Ip): number {
  return ip.family === 6 ? 2 : 1;
}
