import { ByteWriter, formatIp, type Ip, sameIp } from '@muslin/net';
import { type PathAttributes, writeAttributes } from '../wire/attributes.ts';
import { PLAIN_OPTIONS } from '../wire/options.ts';
import { grown } from './column.ts';
import { readStoredAttributes } from './stored-attributes.ts';
import { StoredColumns, storedPathHolds } from './stored-columns.ts';

/** LOCAL_PREF of a route that carries none (RFC 4271 §9.1.1 leaves it to policy; 100 is what everybody uses). */
export const DEFAULT_LOCAL_PREF = 100;

/** A list beyond this is not kept for the next call. */
const LONG_DYING = 1 << 16;
/** The octet of a slot that is taken from the hash, while ids fit into the other three. */
const TAG = 0xff << 24;
const MOST_TAGGED = 1 << 24;

/**
 * Every attribute set once. A set is kept as bytes in one arena, and what the decision compares is kept in columns,
 * so that a path costs a number and not an object. Ids are counted: `retain` and `release`; an id that nobody holds
 * lives until `sweep`. Id 0 means “none”.
 */
export class AttributeTable {
  localPref: Uint32Array = new Uint32Array(256);
  pathLength: Uint32Array = new Uint32Array(256);
  origin: Uint8Array = new Uint8Array(256);
  med: Uint32Array = new Uint32Array(256);
  neighbourAs: Uint32Array = new Uint32Array(256);
  /** ORIGINATOR_ID, 0 when absent. */
  originatorId: Uint32Array = new Uint32Array(256);
  clusterLength: Uint32Array = new Uint32Array(256);
  /** Cost to the next hop; Infinity when it is not reachable. */
  cost: Float64Array = new Float64Array(256);
  /** IPv4 next hop as a number; 0 for others. */
  hop: Uint32Array = new Uint32Array(256);
  /** See `MARK`. */
  marks: Uint8Array = new Uint8Array(256);
  /** Room for whoever sorts routes by attribute set: any content, as long as this table, never kept over a call. */
  scratch: Int32Array = new Int32Array(256);

  #references = new Int32Array(256);
  #hash = new Int32Array(256);
  #start = new Uint32Array(256);
  #size = new Uint32Array(256);
  #arena = new Uint8Array(16384);
  #used = 0;
  #wasted = 0;
  #ids = 1;
  #live = 0;
  /** Open addressing: an id each, with a part of its hash; where that differs, the set isn't looked up. */
  #slots = new Int32Array(512);
  #tag = TAG;
  #filled = 0;
  /** Freed ids, each with the next one in `#start`. */
  #free = 0;
  /** Sets to look at in `sweep`: the first `#dead` of these. */
  #dying = new Int32Array(256);
  #dead = 0;
  readonly #values = new Map<number, PathAttributes>();
  readonly #writer = new ByteWriter(1024);
  readonly #columns = new StoredColumns();
  /** Only next hops that somebody told us about; all others cost nothing. */
  readonly #costs = new Map<string, number>();

  /** Number of distinct sets held. */
  get size(): number {
    return this.#live;
  }

  /** Octets of attribute bytes held. */
  get bytes(): number {
    return this.#used - this.#wasted;
  }

  /** The id of a set; the caller retains it if it wants to keep it. */
  intern(attributes: PathAttributes): number {
    this.#writer.reset();
    writeAttributes(this.#writer, attributes, PLAIN_OPTIONS);
    const bytes = this.#writer.view();
    const id = this.internStored(bytes, 0, bytes.length);
    if (!this.#values.has(id)) this.#values.set(id, attributes);
    return id;
  }

  /** The same for a set that is already written as we store it. */
  internStored(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(bytes, start, end);
    const found = this.#find(bytes, start, end, hash);
    if (found !== 0) return found;
    const id = this.#allocate();
    this.#store(id, bytes, start, end, hash);
    this.#fillColumns(id);
    this.#insert(id);
    this.#live++;
    // Nobody holds it yet: swept unless somebody retains it.
    this.#doom(id);
    return id;
  }

  /** The set as a value. Decoded on demand and kept until the next sweep. */
  value(id: number): PathAttributes {
    let value = this.#values.get(id);
    if (value === undefined) {
      value = readStoredAttributes(this.raw(id));
      this.#values.set(id, value);
    }
    return value;
  }

  /** The stored bytes: all attributes with four-octet AS numbers, any next hop as code 3. A view; do not keep it. */
  raw(id: number): Uint8Array {
    const start = this.#start[id] as number;
    return this.#arena.subarray(start, start + (this.#size[id] as number));
  }

  /** Octets of the stored bytes. */
  length(id: number): number {
    return this.#size[id] as number;
  }

  /** All stored bytes; those of a set start at `start(id)`. Not to be kept over a call that interns. */
  get arena(): Uint8Array {
    return this.#arena;
  }

  start(id: number): number {
    return this.#start[id] as number;
  }

  /** Whether an AS number is in the AS path of a set. */
  pathHolds(id: number, asNumber: number): boolean {
    const start = this.#start[id] as number;
    return storedPathHolds(this.#arena, start, start + (this.#size[id] as number), asNumber);
  }

  /** Sets what it costs to reach a next hop: 0 is the default, Infinity takes its routes out (RFC 4271 §9.1.2.1). */
  setCost(ip: Ip, cost: number): void {
    const text = formatIp(ip);
    if (cost === 0) this.#costs.delete(text);
    else this.#costs.set(text, cost);
    for (let id = 1; id < this.#ids; id++) {
      if (this.#size[id] === 0) continue;
      const hop = this.value(id).nextHop;
      if (hop !== undefined && sameIp(hop.ip, ip)) this.cost[id] = cost;
    }
  }

  retain(id: number): void {
    if (id !== 0) this.#references[id]! += 1;
  }

  release(id: number): void {
    if (id === 0) return;
    this.#references[id]! -= 1;
    if ((this.#references[id] as number) === 0) this.#doom(id);
  }

  #doom(id: number): void {
    if (this.#dead === this.#dying.length) this.#dying = grown(this.#dying, this.#dead * 2);
    this.#dying[this.#dead++] = id;
  }

  /** Frees the sets that nobody holds. Ids seen before and not held are invalid afterwards. */
  sweep(): void {
    for (let i = 0; i < this.#dead; i++) {
      const id = this.#dying[i] as number;
      if (this.#references[id] !== 0 || this.#size[id] === 0) continue;
      this.#wasted += this.#size[id] as number;
      this.#size[id] = 0;
      this.#start[id] = this.#free;
      this.#free = id;
      this.#live--;
    }
    this.#dead = 0;
    if (this.#dying.length > LONG_DYING) this.#dying = new Int32Array(256);
    if (this.#values.size > 0) this.#values.clear();
    if (this.#wasted > 1 << 18 && this.#wasted > this.#used * 0.75) this.#compact();
  }

  #allocate(): number {
    if (this.#free !== 0) {
      const id = this.#free;
      this.#free = this.#start[id] as number;
      return id;
    }
    if (this.#ids >= this.#references.length) this.#grow();
    // Others read it first: see `FamilyRib`.
    this.scratch[this.#ids] = 0;
    return this.#ids++;
  }

  #grow(): void {
    const size = this.#references.length * 2;
    this.localPref = grown(this.localPref, size);
    this.pathLength = grown(this.pathLength, size);
    this.origin = grown(this.origin, size);
    this.med = grown(this.med, size);
    this.neighbourAs = grown(this.neighbourAs, size);
    this.originatorId = grown(this.originatorId, size);
    this.clusterLength = grown(this.clusterLength, size);
    this.cost = grown(this.cost, size);
    this.hop = grown(this.hop, size);
    this.marks = grown(this.marks, size);
    this.scratch = grown(this.scratch, size);
    this.#references = grown(this.#references, size);
    this.#hash = grown(this.#hash, size);
    this.#start = grown(this.#start, size);
    this.#size = grown(this.#size, size);
    if (size <= MOST_TAGGED || this.#tag === 0) return;
    this.#tag = 0;
    this.#rehash();
  }

  #store(id: number, bytes: Uint8Array, start: number, end: number, hash: number): void {
    const length = end - start;
    if (this.#used + length > this.#arena.length) {
      const size = Math.max(this.#arena.length * 2, this.#used + length);
      this.#arena = grown(this.#arena, size);
    }
    const arena = this.#arena;
    // A loop beats `set` for sets of the usual length.
    for (let from = start, to = this.#used; from < end; from++, to++) arena[to] = bytes[from] as number;
    this.#start[id] = this.#used;
    this.#size[id] = length;
    this.#hash[id] = hash;
    this.#references[id] = 0;
    this.#used += length;
  }

  #compact(): void {
    const arena = new Uint8Array(Math.max(16384, (this.#used - this.#wasted) * 2));
    let used = 0;
    for (let id = 1; id < this.#ids; id++) {
      const size = this.#size[id] as number;
      if (size === 0) continue;
      const start = this.#start[id] as number;
      arena.set(this.#arena.subarray(start, start + size), used);
      this.#start[id] = used;
      used += size;
    }
    this.#arena = arena;
    this.#used = used;
    this.#wasted = 0;
  }

  #fillColumns(id: number): void {
    const start = this.#start[id] as number;
    const columns = this.#columns;
    columns.read(this.#arena, start, start + (this.#size[id] as number), DEFAULT_LOCAL_PREF);
    this.localPref[id] = columns.localPref;
    this.pathLength[id] = columns.pathLength;
    this.origin[id] = columns.origin;
    this.med[id] = columns.med;
    this.neighbourAs[id] = columns.neighbourAs;
    this.originatorId[id] = columns.originatorId;
    this.clusterLength[id] = columns.clusterLength;
    this.hop[id] = columns.hop;
    this.marks[id] = columns.marks;
    const hop = this.#costs.size === 0 ? undefined : this.value(id).nextHop;
    this.cost[id] = hop === undefined ? 0 : this.#costOf(hop.ip);
  }

  #costOf(ip: Ip): number {
    return this.#costs.get(formatIp(ip)) ?? 0;
  }

  #find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const tag = this.#tag;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const held = slots[slot] as number;
      if (held === 0) return 0;
      if (((held ^ hash) & tag) !== 0) continue;
      const id = held & ~tag;
      // A slot of a freed set stays until the next rehash: its id means nothing, or another set, but never a wrong one.
      if (this.#hash[id] === hash && this.#same(id, bytes, start, end)) return id;
    }
  }

  #same(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#size[id] !== end - start) return false;
    const arena = this.#arena;
    for (let from = start, at = this.#start[id] as number; from < end; from++, at++) {
      if (arena[at] !== bytes[from]) return false;
    }
    return true;
  }

  #insert(id: number): void {
    if (++this.#filled * 2 > this.#slots.length) this.#rehash();
    else this.#place(id);
  }

  #place(id: number): void {
    const mask = this.#slots.length - 1;
    const hash = this.#hash[id] as number;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = id | (hash & this.#tag);
  }

  #rehash(): void {
    let size = 512;
    while (size < (this.#live + 1) * 4) size *= 2;
    this.#slots = new Int32Array(size).fill(0);
    this.#filled = 0;
    for (let id = 1; id < this.#ids; id++) {
      if (this.#size[id] === 0) continue;
      this.#place(id);
      this.#filled++;
    }
  }
}

/** Four octets at a time; the last ones by themselves. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = (end - start) ^ 0x811c9dc5;
  let i = start;
  for (const whole = end - 3; i < whole; i += 4) {
    const word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    hash = Math.imul(hash ^ word, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash ^ (hash >>> 15);
}
