import { ByteWriter } from '@muslin/net';
import { type PathAttributes, writeAttribute, writeAttributes } from '../wire/attributes.ts';
import { HEADER_LENGTH } from '../wire/framer.ts';
import { encodeMessage } from '../wire/message.ts';
import { writeMpReachHead } from '../wire/mp-reach.ts';
import { nlriSize } from '../wire/nlri.ts';
import type { WireOptions } from '../wire/options.ts';
import { familyRow } from '../wire/route-family.ts';
import type { AttributeTable } from './attribute-table.ts';
import { grown } from './column.ts';
import type { PassingEdit } from './passing-edit.ts';
import type { PrefixTable } from './prefix-table.ts';
import { MARK, storedHopAt } from './stored-columns.ts';

/** Octets beside the attributes: header, lengths, MP_REACH_NLRI with a 32-octet next hop, one IPv6 route with identifier. */
const ROOM = HEADER_LENGTH + 4 + 4 + 37 + 21;
/** A buffer beyond this is not kept for the next call. */
const KEPT = 1 << 18;
/** Octets that get no memory of their own: whoever writes them to a socket would wait for it. */
const SHORT = 512;
const POOL = 8192;
const NOTHING = new Uint8Array(0);

/**
 * Packs routes of one family into as few UPDATE messages as fit (RFC 4271 §9.2). Writes octets into one buffer by
 * index: a `ByteWriter` asks for room at every octet, which shows at a million routes.
 */
export class UpdatePacker {
  readonly #attributes: AttributeTable;
  readonly #prefixes: PrefixTable;
  readonly #options: WireOptions;
  readonly #addPath: boolean;
  readonly #edit: PassingEdit | undefined;
  readonly #block = new ByteWriter(512);
  #out = new Uint8Array(8192);
  /** Short results, one behind the other; what was given away is never written again. */
  #pool = new ArrayBuffer(0);
  #pooled = POOL;
  #at = 0;

  /** `edit`: what is done to sets that are given as minus their id. */
  constructor(attributes: AttributeTable, prefixes: PrefixTable, options: WireOptions, edit?: PassingEdit) {
    this.#edit = edit;
    this.#attributes = attributes;
    this.#prefixes = prefixes;
    this.#options = options;
    this.#addPath = options.addPath[prefixes.family];
  }

  /** Octets since the last `take`. */
  get length(): number {
    return this.#at;
  }

  /** Whether the attributes and the longest route fit into a message. */
  fits(id: number): boolean {
    // A stored set grows at most by AS4_PATH and the head of MP_REACH_NLRI.
    if (this.#attributes.length(id) * 2 + ROOM <= this.#options.maxLength) return true;
    const value = this.#attributes.value(id);
    const plain = value.nextHop?.ip.family === 4;
    return this.#attributeBytes(value, plain).length + ROOM <= this.#options.maxLength;
  }

  /** Appends announcements of the prefixes `start` to `end` of a list, which share an attribute set. */
  announce(
    attributes: number,
    entries: ArrayLike<number>,
    ids?: readonly number[],
    start = 0,
    end = entries.length,
  ): void {
    if (attributes < 0 && this.#edit !== undefined) {
      const size = this.#edit.write(-attributes);
      this.#announceBytes(this.#edit.bytes, 0, size, entries, ids, start, end);
      return;
    }
    const stored = this.#options.fourOctetAs && this.#attributes.hop[attributes] !== 0;
    const stored6 = this.#options.fourOctetAs && (this.#attributes.marks[attributes] as number) & MARK.hop6;
    if (this.#prefixes.family === 'ipv4-unicast' ? stored : stored6) {
      const { arena } = this.#attributes;
      const size = this.#attributes.length(attributes);
      this.#announceBytes(arena, this.#attributes.start(attributes), size, entries, ids, start, end);
      return;
    }
    const value = this.#attributes.value(attributes);
    const { nextHop } = value;
    if (nextHop === undefined) throw new Error('an announced route has a next hop');
    const { family } = this.#prefixes;
    const plain = family === 'ipv4-unicast' && nextHop.ip.family === 4;
    const block = this.#attributeBytes(value, plain);
    const head = new ByteWriter(64);
    if (!plain) writeMpReachHead(head, family, nextHop);
    for (let next = start; next < end; ) {
      const message = this.#begin();
      this.#u16(0);
      const attributesAt = this.#at;
      this.#u16(0);
      let room = this.#options.maxLength - (this.#at - message) - block.length;
      if (plain) {
        this.#bytes(block);
        this.#patch(attributesAt, block.length);
        next = this.#routes(entries, ids, next, end, room);
      } else {
        this.#out[this.#at++] = 0x90;
        this.#out[this.#at++] = 14;
        this.#u16(0);
        const valueAt = this.#at;
        this.#bytes(head.view());
        room -= this.#at - valueAt + 4;
        next = this.#routes(entries, ids, next, end, room);
        this.#patch(valueAt - 2, this.#at - valueAt);
        this.#bytes(block);
        this.#patch(attributesAt, this.#at - attributesAt - 2);
      }
      this.#patch(message + 16, this.#at - message);
    }
  }

  /** Appends withdrawals. */
  withdraw(entries: ArrayLike<number>, ids?: readonly number[], start = 0, end = entries.length): void {
    const { family } = this.#prefixes;
    for (let next = start; next < end; ) {
      const message = this.#begin();
      if (family === 'ipv4-unicast') {
        const lengthAt = this.#at;
        this.#u16(0);
        next = this.#routes(entries, ids, next, end, this.#options.maxLength - (this.#at - message) - 2);
        this.#patch(lengthAt, this.#at - lengthAt - 2);
        this.#u16(0);
      } else {
        const { afi, safi } = familyRow(family);
        this.#u16(0);
        this.#u16(0);
        this.#out[this.#at++] = 0x90;
        this.#out[this.#at++] = 15;
        this.#u16(0);
        const valueAt = this.#at;
        this.#u16(afi);
        this.#out[this.#at++] = safi;
        next = this.#routes(entries, ids, next, end, this.#options.maxLength - (this.#at - message));
        this.#patch(valueAt - 2, this.#at - valueAt);
        this.#patch(valueAt - 6, this.#at - valueAt + 4);
      }
      this.#patch(message + 16, this.#at - message);
    }
  }

  /** Appends the End-of-RIB marker (RFC 4724 §2). */
  endOfRib(): void {
    const message = this.#begin();
    this.#u16(0);
    if (this.#prefixes.family === 'ipv4-unicast') this.#u16(0);
    else {
      const { afi, safi } = familyRow(this.#prefixes.family);
      const value = new ByteWriter(3).u16(afi).u8(safi).view();
      this.#block.reset();
      writeAttribute(this.#block, 0x80, 15, value);
      this.#u16(this.#block.length);
      this.#bytes(this.#block.view());
    }
    this.#patch(message + 16, this.#at - message);
  }

  /** Appends the ROUTE-REFRESH that begins (1) or ends (2) a refresh (RFC 7313 §3.2). */
  refreshMark(subtype: 1 | 2): void {
    const { afi, safi } = familyRow(this.#prefixes.family);
    const message = encodeMessage({ kind: 'route-refresh', afi, safi, subtype }, this.#options);
    this.#makeRoom(message.length);
    this.#bytes(message);
  }

  /** What was appended since the last call. */
  take(): Uint8Array {
    const out = this.#out;
    const length = this.#at;
    this.#at = 0;
    if (length > SHORT) {
      const bytes = out.slice(0, length);
      if (out.length > KEPT) this.#out = new Uint8Array(8192);
      return bytes;
    }
    if (length === 0) return NOTHING;
    if (this.#pooled + length > POOL) {
      this.#pool = new ArrayBuffer(POOL);
      this.#pooled = 0;
    }
    const bytes = new Uint8Array(this.#pool, this.#pooled, length);
    for (let i = 0; i < length; i++) bytes[i] = out[i] as number;
    this.#pooled += length;
    return bytes;
  }

  /** Routes with a next hop of their own family, to a peer that reads four-octet AS numbers: sent as stored. */
  #announceBytes(
    from: Uint8Array,
    at: number,
    size: number,
    entries: ArrayLike<number>,
    ids: readonly number[] | undefined,
    start: number,
    end: number,
  ): void {
    const four = this.#prefixes.family === 'ipv4-unicast';
    for (let next = start; next < end; )
      next = four
        ? this.#message4(from, at, size, entries, ids, next, end)
        : this.#message6(from, at, size, entries, ids, next, end);
  }

  #message4(
    from: Uint8Array,
    start: number,
    size: number,
    entries: ArrayLike<number>,
    ids: readonly number[] | undefined,
    next: number,
    end: number,
  ): number {
    const message = this.#begin();
    const out = this.#out;
    let at = this.#at;
    out[at] = 0;
    out[at + 1] = 0;
    out[at + 2] = size >> 8;
    out[at + 3] = size;
    at += 4;
    for (let i = start; i < start + size; i++) out[at++] = from[i] as number;
    this.#at = at;
    const written = this.#routes(entries, ids, next, end, this.#options.maxLength - (at - message));
    this.#patch(message + 16, this.#at - message);
    return written;
  }

  /** The stored next hop goes into MP_REACH_NLRI, which comes first (RFC 7606 §5.1). */
  #message6(
    from: Uint8Array,
    start: number,
    size: number,
    entries: ArrayLike<number>,
    ids: readonly number[] | undefined,
    next: number,
    end: number,
  ): number {
    const hop = storedHopAt(from, start, start + size);
    const octets = from[hop - 1] as number;
    const message = this.#begin();
    this.#u16(0);
    const attributesAt = this.#at;
    this.#u16(0);
    this.#out[this.#at++] = 0x90;
    this.#out[this.#at++] = 14;
    this.#u16(0);
    const valueAt = this.#at;
    this.#u16(2);
    this.#out[this.#at++] = 1;
    for (let i = hop - 1; i < hop + octets; i++) this.#out[this.#at++] = from[i] as number;
    this.#out[this.#at++] = 0;
    const room = this.#options.maxLength - (this.#at - message) - (size - 3 - octets);
    const written = this.#routes(entries, ids, next, end, room);
    this.#patch(valueAt - 2, this.#at - valueAt);
    for (let i = start; i < hop - 3; i++) this.#out[this.#at++] = from[i] as number;
    for (let i = hop + octets; i < start + size; i++) this.#out[this.#at++] = from[i] as number;
    this.#patch(attributesAt, this.#at - attributesAt - 2);
    this.#patch(message + 16, this.#at - message);
    return written;
  }

  /** The attributes as this peer reads them. */
  #attributeBytes(value: PathAttributes, plain: boolean): Uint8Array {
    const { nextHop: _, ...rest } = value;
    this.#block.reset();
    writeAttributes(this.#block, plain ? value : rest, this.#options);
    return this.#block.finish();
  }

  /** Begins a message, with room for the longest. */
  #begin(): number {
    const start = this.#at;
    this.#makeRoom(this.#options.maxLength);
    const out = this.#out;
    for (let i = start; i < start + 16; i++) out[i] = 0xff;
    out[start + 16] = 0;
    out[start + 17] = 0;
    out[start + 18] = 2;
    this.#at = start + HEADER_LENGTH;
    return start;
  }

  #makeRoom(octets: number): void {
    const need = this.#at + octets;
    if (need <= this.#out.length) return;
    this.#out = grown(this.#out, Math.max(need, this.#out.length * 2));
  }

  #u16(value: number): void {
    this.#out[this.#at++] = value >> 8;
    this.#out[this.#at++] = value;
  }

  #patch(at: number, value: number): void {
    this.#out[at] = value >> 8;
    this.#out[at + 1] = value;
  }

  #bytes(bytes: Uint8Array): void {
    this.#out.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Writes routes from `next` on while there is room; gives the first one that was not written. */
  #routes(
    entries: ArrayLike<number>,
    ids: readonly number[] | undefined,
    next: number,
    end: number,
    room: number,
  ): number {
    const { keys, lengths, words } = this.#prefixes;
    const addPath = this.#addPath;
    const out = this.#out;
    let at = this.#at;
    let left = room;
    let i = next;
    for (; i < end; i++) {
      const entry = entries[i] as number;
      const length = lengths[entry] as number;
      left -= nlriSize(length, addPath);
      if (left < 0) break;
      if (addPath) {
        const id = ids?.[i] ?? 1;
        out[at] = id >>> 24;
        out[at + 1] = id >>> 16;
        out[at + 2] = id >>> 8;
        out[at + 3] = id;
        at += 4;
      }
      out[at++] = length;
      for (let bits = length, key = entry * words; bits > 0; bits -= 32, key++) {
        const value = keys[key] as number;
        out[at++] = value >>> 24;
        if (bits > 8) out[at++] = value >>> 16;
        if (bits > 16) out[at++] = value >>> 8;
        if (bits > 24) out[at++] = value;
      }
    }
    if (i === next) throw new Error('a message has room for at least one route');
    this.#at = at;
    return i;
  }
}
