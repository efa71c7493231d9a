import { MESSAGE_HEADER, NLA } from './message-writer.ts';

/** One netlink message. `payload` is a view into the datagram. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** Message flags (uapi/linux/netlink.h). */
export const NLM = {
  request: 0x1,
  ack: 0x4,
  dumpInterrupted: 0x10,
  dump: 0x300,
  replace: 0x100,
  excl: 0x200,
  create: 0x400,
  append: 0x800,
  /** On an error: the offending request is not echoed. */
  capped: 0x100,
  /** On an error: extended acknowledgement attributes follow. */
  ackAttributes: 0x200,
} as const;

/** Message types that every netlink family shares. */
export const NLMSG = { noop: 1, error: 2, done: 3, overrun: 4 } as const;

const padded = (length: number): number => (length + 3) & ~3;

/** Little-endian reads that never throw: out of bounds reads as 0. */
export const readU8 = (b: Uint8Array, at = 0): number => b[at] ?? 0;
export const readU16 = (b: Uint8Array, at = 0): number => readU8(b, at) | (readU8(b, at + 1) << 8);
export const readU32 = (b: Uint8Array, at = 0): number => (readU16(b, at) | (readU16(b, at + 2) << 16)) >>> 0;
export const readI32 = (b: Uint8Array, at = 0): number => readU32(b, at) | 0;
/** Network order. */
export const readBe16 = (b: Uint8Array, at = 0): number => (readU8(b, at) << 8) | readU8(b, at + 1);
export const readBe32 = (b: Uint8Array, at = 0): number =>
  ((readBe16(b, at) << 16) | readBe16(b, at + 2)) >>> 0;
/** 64 bits as a number, exact up to 2^53. */
export const readU64 = (b: Uint8Array, at = 0): number => readU32(b, at) + readU32(b, at + 4) * 2 ** 32;
export const readBe64 = (b: Uint8Array, at = 0): number => readBe32(b, at) * 2 ** 32 + readBe32(b, at + 4);
/** Text up to the first NUL. */
export function readText(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  return new TextDecoder().decode(nul < 0 ? bytes : bytes.subarray(0, nul));
}

/** Splits a datagram into messages. Total: a message that claims more bytes than there are ends the list. */
export function* readMessages(datagram: Uint8Array): Generator<NetlinkMessage, void, undefined> {
  for (let at = 0; at + MESSAGE_HEADER <= datagram.length; ) {
    const length = readU32(datagram, at);
    if (length < MESSAGE_HEADER || at + length > datagram.length) return;
    yield {
      type: readU16(datagram, at + 4),
      flags: readU16(datagram, at + 6),
      sequence: readU32(datagram, at + 8),
      payload: datagram.subarray(at + MESSAGE_HEADER, at + length),
    };
    at += padded(length);
  }
}

/** Calls `visit` with each attribute (flag bits removed from the type). Total, as `readMessages`. */
export function eachAttribute(
  bytes: Uint8Array,
  offset: number,
  visit: (type: number, value: Uint8Array) => void,
): void {
  for (let at = offset; at + 4 <= bytes.length; ) {
    const length = readU16(bytes, at);
    if (length < 4 || at + length > bytes.length) return;
    visit(readU16(bytes, at + 2) & NLA.typeMask, bytes.subarray(at + 4, at + length));
    at += padded(length);
  }
}

/** The attributes as a map; the last one of a type wins. */
export function readAttributes(bytes: Uint8Array, offset = 0): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  eachAttribute(bytes, offset, (type, value) => {
    found.set(type, value);
  });
  return found;
}
