import type { Ip4 } from '@muslin/net';

/** Octets of the longest message that is made here, and more. */
const LONGEST = 256;
/** Octets that are said at once. */
const PIECE = 4_000;

/** Who says something: its AS number, and whether that is the speaker's own, too. */
export interface Voice {
  readonly asNumber: number;
  readonly inside: boolean;
  readonly nextHop: Ip4;
}

/**
 * What made-up peers say, message by message. Written by index, for lists of numbers would be more garbage than everything
 * that is rehearsed.
 */
export class RehearsalScript {
  readonly #voice: Voice;
  #bytes: Buffer = Buffer.allocUnsafe(PIECE + LONGEST);
  #at = 0;

  constructor(voice: Voice) {
    this.#voice = voice;
  }

  /** Whether it is time to say what was written. */
  get isFull(): boolean {
    return this.#at >= PIECE;
  }

  /** Adds an UPDATE (RFC 4271 §4.3) that tells `count` routes from number `from` on, with attributes like no other's. */
  announce(from: number, count: number): this {
    const start = this.#begin();
    this.#u16(0);
    const length = this.#at;
    this.#u16(0);
    this.#attributes(from);
    this.#bytes.writeUInt16BE(this.#at - length - 2, length);
    this.#routes(from, count);
    return this.#end(start);
  }

  /** Adds an UPDATE that takes them back. */
  withdraw(from: number, count: number): this {
    const start = this.#begin();
    const length = this.#at;
    this.#u16(0);
    this.#routes(from, count);
    this.#bytes.writeUInt16BE(this.#at - length - 2, length);
    this.#u16(0);
    return this.#end(start);
  }

  /** What was written since the last call; its own memory, since a socket may keep it. */
  take(): Buffer {
    const said = this.#bytes.subarray(0, this.#at);
    this.#bytes = Buffer.allocUnsafe(PIECE + LONGEST);
    this.#at = 0;
    return said;
  }

  #begin(): number {
    const start = this.#at;
    this.#bytes.fill(0xff, start, start + 16);
    this.#bytes[start + 18] = 2;
    this.#at = start + 19;
    return start;
  }

  #end(start: number): this {
    this.#bytes.writeUInt16BE(this.#at - start, start + 16);
    return this;
  }

  #u16(value: number): void {
    this.#at = this.#bytes.writeUInt16BE(value, this.#at);
  }

  #u32(value: number): void {
    this.#at = this.#bytes.writeUInt32BE(value >>> 0, this.#at);
  }

  #octets(...octets: readonly number[]): void {
    for (const octet of octets) this.#bytes[this.#at++] = octet;
  }

  /** ORIGIN, AS_PATH, NEXT_HOP, inside LOCAL_PREF, and a community (RFC 4271 §5, RFC 1997). */
  #attributes(i: number): void {
    const { asNumber, inside, nextHop } = this.#voice;
    const hops = 1 + (i % 3);
    this.#octets(0x40, 1, 1, 0, 0x40, 2, 2 + 4 * (inside ? hops : hops + 1), 2, inside ? hops : hops + 1);
    if (!inside) this.#u32(asNumber);
    for (let hop = 0; hop < hops; hop++) this.#u32(1000 * (hop + 1) + (i % 977));
    this.#octets(0x40, 3, 4);
    this.#u32(nextHop.bits);
    if (inside) this.#octets(0x40, 5, 4, 0, 0, 0, 100);
    this.#octets(0xc0, 8, 4);
    this.#u32((64 << 16) + i);
  }

  /** Prefixes of several lengths from both halves of the address space. */
  #routes(from: number, count: number): void {
    for (let i = from; i < from + count; i++) {
      const first = 20 + ((i >> 4) % 6) * 40;
      this.#octets(i % 16 === 0 ? 20 : 24, first, (i >> 8) & 255, i % 16 === 0 ? i & 0xf0 : i & 255);
    }
  }
}
