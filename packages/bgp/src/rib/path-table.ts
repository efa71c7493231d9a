import type { AttributeTable } from './attribute-table.ts';
import { grown } from './column.ts';

/** Why a received route can't compete at all; 0 stands for “it can”. */
export const EXCLUSIONS = [
  'none',
  'import-filter',
  'as-loop',
  'originator-loop',
  'cluster-loop',
  'own-next-hop',
  'first-as',
  'route-leak',
  'next-hop-unreachable',
  'not-unicast',
] as const;
/** Why a received route can't compete. */
export type Exclusion = Exclude<(typeof EXCLUSIONS)[number], 'none'>;

/** What is kept from before the peer went away: for the time of a restart (RFC 4724 §4.2), or as last resort (RFC 9494 §4.3). */
export const STALE = { recent: 1, longLived: 2 } as const;

/**
 * Adj-RIB-In and the candidates of Loc-RIB in one: all paths of one family, as columns. The paths of a prefix are a
 * linked list. `received` is the attribute set before import policy, `accepted` after it (0 when excluded).
 */
export class PathTable {
  slot: Int32Array = new Int32Array(256);
  pathId: Uint32Array = new Uint32Array(256);
  received: Int32Array = new Int32Array(256);
  accepted: Int32Array = new Int32Array(256);
  exclusion: Uint8Array = new Uint8Array(256);
  /** One of `STALE`, or 0. */
  stale: Uint8Array = new Uint8Array(256);
  prefix: Int32Array = new Int32Array(256);
  next: Int32Array = new Int32Array(256);
  #end = 1;
  #live = 0;
  /** Freed paths, each with the next one in `next`. */
  #free = 0;
  readonly #attributes: AttributeTable;

  constructor(attributes: AttributeTable) {
    this.#attributes = attributes;
  }

  /** Number of paths held. */
  get size(): number {
    return this.#live;
  }

  /** One more than the largest path in use. */
  get end(): number {
    return this.#end;
  }

  /** Whether the number is in use. */
  has(path: number): boolean {
    return this.prefix[path] !== 0;
  }

  /** Makes a path of a prefix; the caller links it. */
  add(prefix: number, slot: number, pathId: number): number {
    let path = this.#free;
    if (path !== 0) this.#free = this.next[path] as number;
    else {
      path = this.#end++;
      if (path >= this.slot.length) this.#grow();
    }
    this.prefix[path] = prefix;
    this.slot[path] = slot;
    this.pathId[path] = pathId;
    this.received[path] = 0;
    this.accepted[path] = 0;
    this.exclusion[path] = 0;
    this.stale[path] = 0;
    this.next[path] = 0;
    this.#live++;
    return path;
  }

  /** Gives a path its attribute sets; counts references. */
  setAttributes(path: number, received: number, accepted: number, exclusion: number): void {
    this.#attributes.retain(received);
    this.#attributes.retain(accepted);
    this.#attributes.release(this.received[path] as number);
    this.#attributes.release(this.accepted[path] as number);
    this.received[path] = received;
    this.accepted[path] = accepted;
    this.exclusion[path] = exclusion;
    this.stale[path] = 0;
  }

  /** Frees a path that the caller has unlinked. */
  remove(path: number): void {
    this.setAttributes(path, 0, 0, 0);
    this.prefix[path] = 0;
    this.#live--;
    this.next[path] = this.#free;
    this.#free = path;
  }

  #grow(): void {
    const size = this.slot.length * 2;
    this.slot = grown(this.slot, size);
    this.pathId = grown(this.pathId, size);
    this.received = grown(this.received, size);
    this.accepted = grown(this.accepted, size);
    this.exclusion = grown(this.exclusion, size);
    this.stale = grown(this.stale, size);
    this.prefix = grown(this.prefix, size);
    this.next = grown(this.next, size);
  }
}
