import { ip4, ip6, type Prefix } from '@muslin/net';
import { familyRow, type RouteFamily } from '../wire/route-family.ts';
import { grown } from './column.ts';

/** Prefixes of one family as numbers from 1; freed numbers are used again. Open addressing over typed arrays. */
export class PrefixTable {
  readonly family: RouteFamily;
  /** 32-bit words per prefix: 1 or 4. */
  readonly words: 1 | 4;
  /** Address words; entry `i` starts at `i * words`. */
  keys: Uint32Array;
  lengths: Uint8Array = new Uint8Array(256);
  #capacity = 256;
  #next = 1;
  #live = 0;
  #filled = 0;
  #slots = new Int32Array(512);
  /** Freed numbers, each with the next one where its address was. */
  #free = 0;

  constructor(family: RouteFamily) {
    this.family = family;
    this.words = familyRow(family).words;
    this.keys = new Uint32Array(this.#capacity * this.words);
  }

  /** Number of prefixes held. */
  get size(): number {
    return this.#live;
  }

  /** Columns beside the table need this many entries. */
  get capacity(): number {
    return this.#capacity;
  }

  /** One more than the largest number in use. */
  get end(): number {
    return this.#next;
  }

  /** The number of a prefix, or 0. */
  find(w0: number, w1: number, w2: number, w3: number, length: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hashOf(w0, w1, w2, w3, length) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] as number;
      if (entry === 0) return 0;
      if (this.#is(entry, w0, w1, w2, w3, length)) return entry;
    }
  }

  /** The number of a prefix, which is added when it is new. */
  add(w0: number, w1: number, w2: number, w3: number, length: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashOf(w0, w1, w2, w3, length) & mask;
    for (; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] as number;
      if (entry === 0) break;
      if (this.#is(entry, w0, w1, w2, w3, length)) return entry;
    }
    let entry = this.#free;
    if (entry !== 0) this.#free = this.keys[entry * this.words] as number;
    else {
      entry = this.#next++;
      if (entry >= this.#capacity) this.#grow();
    }
    const at = entry * this.words;
    this.keys[at] = w0;
    if (this.words === 4) {
      this.keys[at + 1] = w1;
      this.keys[at + 2] = w2;
      this.keys[at + 3] = w3;
    }
    this.lengths[entry] = length;
    this.#live++;
    if (++this.#filled * 2 > slots.length) this.#rehash();
    else slots[slot] = entry;
    return entry;
  }

  /** Forgets a prefix. Its slot stays until the next rehash: the number means no prefix then, or its new one. */
  remove(entry: number): void {
    this.#live--;
    this.keys[entry * this.words] = this.#free;
    this.#free = entry;
    // 255 marks a free number: no prefix is that long.
    this.lengths[entry] = 255;
  }

  /** Whether the number is in use. */
  has(entry: number): boolean {
    return entry > 0 && entry < this.#next && this.lengths[entry] !== 255;
  }

  /** The prefix as a value. */
  prefix(entry: number): Prefix {
    const at = entry * this.words;
    const k = this.keys;
    const ip =
      this.words === 1
        ? ip4(k[at] as number)
        : ip6(k[at] as number, k[at + 1] as number, k[at + 2] as number, k[at + 3] as number);
    return { ip, length: this.lengths[entry] as number };
  }

  #is(entry: number, w0: number, w1: number, w2: number, w3: number, length: number): boolean {
    const at = entry * this.words;
    const k = this.keys;
    if (this.lengths[entry] !== length || k[at] !== w0) return false;
    return this.words === 1 || (k[at + 1] === w1 && k[at + 2] === w2 && k[at + 3] === w3);
  }

  #hash(entry: number): number {
    const at = entry * this.words;
    const k = this.keys;
    if (this.words === 1) return hashOf(k[at] as number, 0, 0, 0, this.lengths[entry] as number);
    return hashOf(
      k[at] as number,
      k[at + 1] as number,
      k[at + 2] as number,
      k[at + 3] as number,
      this.lengths[entry] as number,
    );
  }

  #place(entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(entry) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry;
  }

  #rehash(): void {
    let size = 512;
    while (size < (this.#live + 1) * 4) size *= 2;
    this.#slots = new Int32Array(size);
    this.#filled = 0;
    for (let entry = 1; entry < this.#next; entry++) {
      if (this.lengths[entry] === 255) continue;
      this.#place(entry);
      this.#filled++;
    }
  }

  #grow(): void {
    this.#capacity *= 2;
    this.keys = grown(this.keys, this.#capacity * this.words);
    this.lengths = grown(this.lengths, this.#capacity);
  }
}

/**
 * Sixteen neighbours of one length share a cache line of slots: tables come, and go, mostly in the order of addresses.
 */
function hashOf(w0: number, w1: number, w2: number, w3: number, length: number): number {
  let last = w0;
  let h = length;
  if (length > 32) {
    h = mixed(h, w0);
    last = w1;
    if (length > 64) {
      h = mixed(h, w1);
      last = w2;
      if (length > 96) {
        h = mixed(h, w2);
        last = w3;
      }
    }
  }
  const number = length === 0 ? 0 : last >>> (31 - ((length - 1) & 31));
  h = mixed(h, number >>> 4);
  return (h << 4) | (number & 15);
}

function mixed(hash: number, word: number): number {
  const h = Math.imul(hash ^ (hash >>> 15) ^ word, 0x9e3779b1);
  return Math.imul(h ^ (h >>> 16), 0x85ebca6b) ^ (h >>> 13);
}
