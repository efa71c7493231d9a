import { grown } from './column.ts';
import type { AttributeTable } from './attribute-table.ts';
import type { Planned } from './exporter.ts';
import type { UpdatePacker } from './update-packer.ts';

/** Stands for a source that is no member of the group. */
export const NO_SLOT = -1;

/** Packed routes; `sources[i]` is where the octets from `ends[i - 1]` to `ends[i]` came from. */
export interface PackedRoutes {
  readonly bytes: Uint8Array;
  readonly sources: readonly number[];
  readonly ends: readonly number[];
}

/**
 * Routes of one call, sorted by attribute set and source by counting, so that those with equal attributes share UPDATEs.
 * Made once and filled again and again.
 */
export class RouteBatch {
  readonly #attributes: AttributeTable;
  #entries = new Int32Array(1024);
  #bucketOf = new Int32Array(1024);
  #sorted = new Int32Array(1024);
  #count = 0;
  /** Columns of the buckets. */
  readonly #ids: number[] = [];
  readonly #sources: number[] = [];
  readonly #sizes: number[] = [];
  /** Another source with the same set, or -1. */
  readonly #chain: number[] = [];
  #buckets = 0;

  constructor(attributes: AttributeTable) {
    this.#attributes = attributes;
  }

  get size(): number {
    return this.#count;
  }

  /** Adds a route with what it is sent with; 0 withdraws. An entry is added once. */
  add(entry: number, id: Planned, source: number): void {
    if (this.#count === this.#entries.length) this.#grow();
    const bucket = this.#bucket(id, source);
    this.#sizes[bucket]! += 1;
    this.#bucketOf[this.#count] = bucket;
    this.#entries[this.#count++] = entry;
  }

  /** Packs everything, withdrawals first, and empties the batch. */
  pack(packer: UpdatePacker): PackedRoutes {
    if (this.#buckets === 1) return this.#packOne(packer);
    const offsets: number[] = [];
    let at = 0;
    for (let bucket = 0; bucket < this.#buckets; bucket++) {
      offsets.push(at);
      at += this.#sizes[bucket] as number;
    }
    for (let i = 0; i < this.#count; i++) {
      this.#sorted[offsets[this.#bucketOf[i] as number]!++] = this.#entries[i] as number;
    }
    const sources: number[] = [];
    const ends: number[] = [];
    for (const withdrawals of [true, false]) {
      for (let bucket = 0; bucket < this.#buckets; bucket++) {
        const id = this.#ids[bucket] as number;
        if ((id === 0) !== withdrawals) continue;
        const end = offsets[bucket] as number;
        const start = end - (this.#sizes[bucket] as number);
        append(packer, id, this.#sorted, start, end);
        const source = this.#sources[bucket] as number;
        if (sources.at(-1) === source) ends[ends.length - 1] = packer.length;
        else {
          sources.push(source);
          ends.push(packer.length);
        }
      }
    }
    this.#count = 0;
    this.#buckets = 0;
    return { bytes: packer.take(), sources, ends };
  }

  /** Routes that share everything are in order already: a single announcement is. */
  #packOne(packer: UpdatePacker): PackedRoutes {
    append(packer, this.#ids[0] as number, this.#entries, 0, this.#count);
    this.#count = 0;
    this.#buckets = 0;
    const bytes = packer.take();
    return { bytes, sources: [this.#sources[0] as number], ends: [bytes.length] };
  }

  /** The scratch column may hold anything: a bucket is believed only when it says the same itself. */
  #bucket(id: number, source: number): number {
    const { scratch } = this.#attributes;
    const cell = Math.abs(id);
    let bucket = scratch[cell] as number;
    if (bucket >= this.#buckets || this.#ids[bucket] !== id) {
      bucket = this.#open(id, source);
      scratch[cell] = bucket;
      return bucket;
    }
    while (this.#sources[bucket] !== source) {
      const next = this.#chain[bucket] as number;
      if (next === -1) {
        const opened = this.#open(id, source);
        this.#chain[bucket] = opened;
        return opened;
      }
      bucket = next;
    }
    return bucket;
  }

  #open(id: number, source: number): number {
    const bucket = this.#buckets++;
    this.#ids[bucket] = id;
    this.#sources[bucket] = source;
    this.#sizes[bucket] = 0;
    this.#chain[bucket] = -1;
    return bucket;
  }

  #grow(): void {
    const size = this.#entries.length * 2;
    this.#entries = grown(this.#entries, size);
    this.#bucketOf = grown(this.#bucketOf, size);
    this.#sorted = new Int32Array(size);
  }
}

function append(packer: UpdatePacker, id: number, entries: Int32Array, start: number, end: number): void {
  if (id === 0) packer.withdraw(entries, undefined, start, end);
  else packer.announce(id, entries, undefined, start, end);
}

/** What a member gets of packed routes: all but what it told us itself; undefined when there is nothing else. */
export function withoutSource(packed: PackedRoutes, slot: number): Uint8Array | undefined {
  const { bytes, sources, ends } = packed;
  let own = 0;
  for (let i = 0; i < sources.length; i++) if (sources[i] === slot) own++;
  if (own === 0) return bytes;
  if (own === sources.length) return undefined;
  const rest: Uint8Array[] = [];
  sources.forEach((source, i) => {
    if (source !== slot) rest.push(bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]));
  });
  return joined(rest);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
