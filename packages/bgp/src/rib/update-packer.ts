import { ByteWriter } from '@muslin/net';
import { type PathAttributes, writeAttribute, writeAttributes } from '../wire/attributes.ts';
import { HEADER_LENGTH } from '../wire/framer.ts';
import { encodeMessage } from '../wire/message.ts';
import { writeMpReachHead } from '../wire/mp-reach.ts';
import { nlriSize, writeNlri } from '../wire/nlri.ts';
import type { WireOptions } from '../wire/options.ts';
import { familyRow } from '../wire/route-family.ts';
import type { AttributeTable } from './attribute-table.ts';
import type { PrefixTable } from './prefix-table.ts';

/** Octets beside the attributes: header, lengths, MP_REACH_NLRI with a 32-octet next hop, one IPv6 route with identifier. */
const ROOM = HEADER_LENGTH + 4 + 4 + 37 + 21;

/** Packs routes of one family into as few UPDATE messages as fit (RFC 4271 §9.2). */
export class UpdatePacker {
  readonly #attributes: AttributeTable;
  readonly #prefixes: PrefixTable;
  readonly #options: WireOptions;
  readonly #out = new ByteWriter(8192);
  readonly #block = new ByteWriter(512);

  constructor(attributes: AttributeTable, prefixes: PrefixTable, options: WireOptions) {
    this.#attributes = attributes;
    this.#prefixes = prefixes;
    this.#options = options;
  }

  /** Whether the attributes and the longest route fit into a message. */
  fits(id: number): boolean {
    // A stored set grows at most by AS4_PATH and the head of MP_REACH_NLRI.
    if (this.#attributes.raw(id).length * 2 + ROOM <= this.#options.maxLength) return true;
    const value = this.#attributes.value(id);
    const plain = value.nextHop?.ip.family === 4;
    return this.#attributeBytes(id, value, plain).length + ROOM <= this.#options.maxLength;
  }

  /** Appends announcements of prefixes that share an attribute set; `ids` are their path identifiers. */
  announce(attributes: number, entries: readonly number[], ids?: readonly number[]): void {
    const value = this.#attributes.value(attributes);
    const { nextHop } = value;
    if (nextHop === undefined) throw new Error('an announced route has a next hop');
    const { family } = this.#prefixes;
    const plain = family === 'ipv4-unicast' && nextHop.ip.family === 4;
    const block = this.#attributeBytes(attributes, value, plain);
    const out = this.#out;
    for (let next = 0; next < entries.length; ) {
      const start = this.#begin();
      out.u16(0);
      const attributesAt = out.length;
      out.u16(0);
      let room = this.#options.maxLength - (out.length - start) - block.length;
      if (plain) {
        out.bytes(block);
        out.patch16(attributesAt, block.length);
        next = this.#routes(entries, ids, next, room);
      } else {
        out.u8(0x90).u8(14).u16(0);
        const valueAt = out.length;
        writeMpReachHead(out, family, nextHop);
        room -= out.length - valueAt + 4;
        next = this.#routes(entries, ids, next, room);
        out.patch16(valueAt - 2, out.length - valueAt);
        out.bytes(block);
        out.patch16(attributesAt, out.length - attributesAt - 2);
      }
      out.patch16(start + 16, out.length - start);
    }
  }

  /** Appends withdrawals. */
  withdraw(entries: readonly number[], ids?: readonly number[]): void {
    const { family } = this.#prefixes;
    const out = this.#out;
    for (let next = 0; next < entries.length; ) {
      const start = this.#begin();
      if (family === 'ipv4-unicast') {
        const lengthAt = out.length;
        out.u16(0);
        next = this.#routes(entries, ids, next, this.#options.maxLength - (out.length - start) - 2);
        out.patch16(lengthAt, out.length - lengthAt - 2);
        out.u16(0);
      } else {
        const { afi, safi } = familyRow(family);
        out.u16(0).u16(0).u8(0x90).u8(15).u16(0);
        const valueAt = out.length;
        out.u16(afi).u8(safi);
        next = this.#routes(entries, ids, next, this.#options.maxLength - (out.length - start));
        out.patch16(valueAt - 2, out.length - valueAt);
        out.patch16(valueAt - 6, out.length - valueAt + 4);
      }
      out.patch16(start + 16, out.length - start);
    }
  }

  /** Appends the End-of-RIB marker (RFC 4724 §2). */
  endOfRib(): void {
    const start = this.#begin();
    this.#out.u16(0);
    if (this.#prefixes.family === 'ipv4-unicast') this.#out.u16(0);
    else {
      const { afi, safi } = familyRow(this.#prefixes.family);
      this.#block.reset();
      this.#block.u16(afi).u8(safi);
      this.#out.u16(6);
      writeAttribute(this.#out, 0x80, 15, this.#block.view());
    }
    this.#out.patch16(start + 16, this.#out.length - start);
  }

  /** Appends the ROUTE-REFRESH that begins (1) or ends (2) a refresh (RFC 7313 §3.2). */
  refreshMark(subtype: 1 | 2): void {
    const { afi, safi } = familyRow(this.#prefixes.family);
    this.#out.bytes(encodeMessage({ kind: 'route-refresh', afi, safi, subtype }, this.#options));
  }

  /** What was appended since the last call. */
  take(): Uint8Array {
    const bytes = this.#out.finish();
    this.#out.reset();
    return bytes;
  }

  /** The attributes as this peer reads them; for IPv4 between four-octet speakers they are stored like that. */
  #attributeBytes(id: number, value: PathAttributes, plain: boolean): Uint8Array {
    if (plain && this.#options.fourOctetAs) return this.#attributes.raw(id);
    const { nextHop: _, ...rest } = value;
    this.#block.reset();
    writeAttributes(this.#block, plain ? value : rest, this.#options);
    return this.#block.finish();
  }

  #begin(): number {
    const start = this.#out.length;
    this.#out.fill(0xff, 16).u16(0).u8(2);
    return start;
  }

  /** Writes routes from `next` on while there is room; gives the first one that was not written. */
  #routes(
    entries: readonly number[],
    ids: readonly number[] | undefined,
    next: number,
    room: number,
  ): number {
    const { keys, lengths, words } = this.#prefixes;
    const addPath = this.#options.addPath[this.#prefixes.family];
    let left = room;
    let i = next;
    for (; i < entries.length; i++) {
      const entry = entries[i] as number;
      const length = lengths[entry] as number;
      left -= nlriSize(length, addPath);
      if (left < 0) break;
      writeNlri(this.#out, keys, entry * words, length, addPath ? (ids?.[i] ?? 1) : undefined);
    }
    if (i === next) throw new Error('a message has room for at least one route');
    return i;
  }
}
