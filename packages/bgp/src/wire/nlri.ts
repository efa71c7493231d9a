import { ip4, ip6, type Prefix, prefix } from '@muslin/net';
import { familyRow, type RouteFamily } from './route-family.ts';

/** Routes packed as on the wire (RFC 4271 §4.3, RFC 7911 §3). Made by a decoder that checked it, or by `packNlri`. */
export interface NlriBlock {
  readonly family: RouteFamily;
  /** Each entry starts with a four-octet path identifier. */
  readonly addPath: boolean;
  readonly bytes: Uint8Array;
}

/** One route's destination; `pathId` is 0 without RFC 7911. */
export interface Nlri {
  readonly prefix: Prefix;
  readonly pathId: number;
}

/** Steps through a block without making objects: the hot path of the RIB. */
export class NlriWalk {
  word0 = 0;
  word1 = 0;
  word2 = 0;
  word3 = 0;
  length = 0;
  pathId = 0;
  #bytes: Uint8Array;
  #addPath: boolean;
  #offset = 0;
  #end: number;

  constructor(block: NlriBlock) {
    this.#bytes = block.bytes;
    this.#addPath = block.addPath;
    this.#end = block.bytes.length;
  }

  /** Starts over with IPv4 routes somewhere in a message. */
  begin(bytes: Uint8Array, start: number, end: number, addPath: boolean): void {
    this.#bytes = bytes;
    this.#addPath = addPath;
    this.#offset = start;
    this.#end = end;
    this.pathId = 0;
  }

  /** Loads the next entry; false at the end. Host bits are cleared: trailing bits are irrelevant (RFC 4271 §4.3). */
  next(): boolean {
    const bytes = this.#bytes;
    let at = this.#offset;
    if (at >= this.#end) return false;
    if (this.#addPath) {
      this.pathId = word(bytes, at, 32);
      at += 4;
    }
    const length = bytes[at++] as number;
    this.length = length;
    this.word0 = word(bytes, at, length);
    if (length > 32) {
      this.word1 = word(bytes, at + 4, length - 32);
      this.word2 = word(bytes, at + 8, length - 64);
      this.word3 = word(bytes, at + 12, length - 96);
    } else if (this.word1 !== 0 || this.word2 !== 0 || this.word3 !== 0) {
      this.word1 = 0;
      this.word2 = 0;
      this.word3 = 0;
    }
    this.#offset = at + ((length + 7) >> 3);
    return true;
  }
}

function word(bytes: Uint8Array, at: number, bits: number): number {
  if (bits <= 0) return 0;
  let value = (bytes[at] as number) << 24;
  if (bits > 8) value |= (bytes[at + 1] as number) << 16;
  if (bits > 16) value |= (bytes[at + 2] as number) << 8;
  if (bits > 24) value |= bytes[at + 3] as number;
  return bits >= 32 ? value >>> 0 : (value & (-1 << (32 - bits))) >>> 0;
}

/** What is wrong with packed routes, or undefined (RFC 7606 §5.3). */
export function nlriFault(block: NlriBlock): string | undefined {
  const { bytes, addPath } = block;
  const width = familyRow(block.family).width;
  for (let at = 0; at < bytes.length; ) {
    if (addPath) at += 4;
    const length = bytes[at];
    if (length === undefined) return 'a route is cut off';
    if (length > width) return `a prefix length of ${length} is more than ${width}`;
    at += 1 + ((length + 7) >> 3);
    if (at > bytes.length) return 'a route is cut off';
  }
  return undefined;
}

/** The routes of a block as values. */
export function nlriList(block: NlriBlock): Nlri[] {
  const walk = new NlriWalk(block);
  const list: Nlri[] = [];
  while (walk.next()) {
    const ip =
      block.family === 'ipv4-unicast' ? ip4(walk.word0) : ip6(walk.word0, walk.word1, walk.word2, walk.word3);
    list.push({ prefix: prefix(ip, walk.length), pathId: walk.pathId });
  }
  return list;
}

/** Packs routes of one family. */
export function packNlri(family: RouteFamily, routes: readonly Nlri[], addPath = false): NlriBlock {
  const bytes: number[] = [];
  for (const route of routes) {
    if (addPath) bytes.push(...octets(route.pathId));
    bytes.push(route.prefix.length);
    const ip = route.prefix.ip;
    const words = ip.family === 4 ? [ip.bits] : ip.words;
    bytes.push(...words.flatMap(octets).slice(0, (route.prefix.length + 7) >> 3));
  }
  return { family, addPath, bytes: Uint8Array.from(bytes) };
}

function octets(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** Octets that one route takes. */
export function nlriSize(length: number, addPath: boolean): number {
  return 1 + ((length + 7) >> 3) + (addPath ? 4 : 0);
}

/** A block without routes. */
export function emptyNlri(family: RouteFamily): NlriBlock {
  return { family, addPath: false, bytes: new Uint8Array(0) };
}
