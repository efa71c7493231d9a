import { ip4, ip6, type Prefix } from '@muslin/net';
import { familyRow, type RouteFamily } from '../wire/route-family.ts';
import { grown } from './column.ts';

/** To the next place of the next line of sixteen. Odd, so that every slot is tried in the end. */
const STEP = 17;
/** The octet of a slot that is taken from the hash, while numbers fit into the other three. */
const TAG = 0xff << 24;
const MOST_TAGGED = 1 << 24;

/**
 * Prefixes of one family as numbers from 1; freed numbers are used again. Open addressing over typed arrays. Slots come in
 * lines of sixteen that prefixes near to each other share: tables come, and go, mostly in the order of addresses. Whoever finds its place
 * taken tries the next line, so that a full line costs one step. A slot has a part of the hash beside the number: where
 * that differs, the number isn't looked up.
 */
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
  #tag = TAG;
  /** What was found last: a table mostly goes, or comes from another peer, in the order in which it came. */
  #last = 0;
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
    if (this.#followsLast(w0, w1, w2, w3, length)) return ++this.#last;
    const slot = this.#slotOf(hashOf(w0, w1, w2, w3, length), w0, w1, w2, w3, length);
    const entry = (this.#slots[slot] as number) & ~this.#tag;
    if (entry !== 0) this.#last = entry;
    return entry;
  }

  /** How many slots are looked at to tell a prefix's number, or that it has none. */
  steps(w0: number, w1: number, w2: number, w3: number, length: number): number {
    const mask = this.#slots.length - 1;
    const hash = hashOf(w0, w1, w2, w3, length);
    const end = this.#slotOf(hash, w0, w1, w2, w3, length);
    let steps = 1;
    for (let slot = hash & mask; slot !== end; slot = (slot + STEP) & mask) steps++;
    return steps;
  }

  /** The number of a prefix, which is added when it is new. */
  add(w0: number, w1: number, w2: number, w3: number, length: number): number {
    if (this.#followsLast(w0, w1, w2, w3, length)) return ++this.#last;
    const hash = hashOf(w0, w1, w2, w3, length);
    const slot = this.#slotOf(hash, w0, w1, w2, w3, length);
    const slots = this.#slots;
    const held = slots[slot] as number;
    if (held !== 0) {
      this.#last = held & ~this.#tag;
      return this.#last;
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
    else if (slots === this.#slots) slots[slot] = entry | (hash & this.#tag);
    else this.#place(entry);
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

  /** Whether a prefix has the number after the last one. */
  #followsLast(w0: number, w1: number, w2: number, w3: number, length: number): boolean {
    const entry = this.#last + 1;
    if (entry >= this.#next || this.lengths[entry] !== length) return false;
    const k = this.keys;
    if (this.words === 1) return k[entry] === w0;
    const at = entry * 4;
    return k[at] === w0 && k[at + 1] === w1 && k[at + 2] === w2 && k[at + 3] === w3;
  }

  /** The slot that holds a prefix, or the free one where it belongs. */
  #slotOf(hash: number, w0: number, w1: number, w2: number, w3: number, length: number): number {
    const slots = this.#slots;
    const { lengths, keys: k } = this;
    const mask = slots.length - 1;
    const tag = this.#tag;
    const single = this.words === 1;
    for (let slot = hash & mask; ; slot = (slot + STEP) & mask) {
      const held = slots[slot] as number;
      if (held === 0) return slot;
      if (((held ^ hash) & tag) !== 0) continue;
      const entry = held & ~tag;
      if (lengths[entry] !== length) continue;
      if (single) {
        if (k[entry] === w0) return slot;
        continue;
      }
      const at = entry * 4;
      if (k[at] === w0 && k[at + 1] === w1 && k[at + 2] === w2 && k[at + 3] === w3) return slot;
    }
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
    const hash = this.#hash(entry);
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + STEP) & mask;
    this.#slots[slot] = entry | (hash & this.#tag);
  }

  #rehash(): void {
    let size = 512;
    while (size < (this.#live + 1) * 4) size *= 2;
    // Zero already, but see `FamilyRib`.
    this.#slots = new Int32Array(size).fill(0);
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
    if (this.#capacity <= MOST_TAGGED || this.#tag === 0) return;
    this.#tag = 0;
    this.#rehash();
  }
}

/**
 * The lower bits are the slot, the highest its tag. Up to a length of 24 all prefixes of a /19 share a line, since the
 * prefixes that follow each other in a full table differ in length; beyond it sixteen neighbours of one length do.
 */
function hashOf(w0: number, w1: number, w2: number, w3: number, length: number): number {
  let last = w0;
  let line = length;
  if (length > 32) {
    line = mixed(line, w0);
    last = w1;
    if (length > 64) {
      line = mixed(line, w1);
      last = w2;
      if (length > 96) {
        line = mixed(line, w2);
        last = w3;
      }
    }
  }
  const number = length === 0 ? 0 : last >>> (31 - ((length - 1) & 31));
  line = length <= 24 ? mixed(0, w0 >>> 13) : mixed(line, number >>> 4);
  const tag = Math.imul((number << 5) ^ length ^ line, 0x9e3779b1) & TAG;
  // The place in the line is mixed, too: who tells every sixteenth prefix only uses all of them.
  return tag | ((line << 4) & ~TAG) | ((number ^ (length * 5) ^ (line >>> 28)) & 15);
}

function mixed(hash: number, word: number): number {
  const h = Math.imul(hash ^ (hash >>> 15) ^ word, 0x9e3779b1);
  return Math.imul(h ^ (h >>> 16), 0x85ebca6b) ^ (h >>> 13);
}
