/** What must change to turn one map into another. */
export interface Delta<K, V> {
  readonly upserts: ReadonlyMap<K, V>;
  readonly removals: ReadonlySet<K>;
}

/** The naive meaning of `DeltaMap`: upserts and removals that turn `actual` into `desired`. */
export function deltaBetween<K, V>(
  desired: ReadonlyMap<K, V>,
  actual: ReadonlyMap<K, V>,
  same: (a: V, b: V) => boolean,
): Delta<K, V> {
  const upserts = new Map<K, V>();
  const removals = new Set<K>();
  for (const [key, value] of desired) {
    const old = actual.get(key);
    if (old === undefined || !same(old, value)) upserts.set(key, value);
  }
  for (const key of actual.keys()) if (!desired.has(key)) removals.add(key);
  return { upserts, removals };
}

/**
 * Tracks desired against actual and always knows the difference, without walking either.
 * Equal to `deltaBetween(desired, actual)` after any sequence of calls (property test).
 */
export class DeltaMap<K, V extends {}> {
  readonly #desired = new Map<K, V>();
  readonly #actual = new Map<K, V>();
  readonly #upserts = new Map<K, V>();
  readonly #removals = new Set<K>();
  readonly #same: (a: V, b: V) => boolean;

  constructor(same: (a: V, b: V) => boolean = Object.is) {
    this.#same = same;
  }

  /** What is wanted. */
  get desired(): ReadonlyMap<K, V> {
    return this.#desired;
  }

  /** What is known to be there. */
  get actual(): ReadonlyMap<K, V> {
    return this.#actual;
  }

  /** The pending difference: a live view. */
  get pending(): Delta<K, V> {
    return { upserts: this.#upserts, removals: this.#removals };
  }

  /** Whether desired and actual agree. */
  get settled(): boolean {
    return this.#upserts.size === 0 && this.#removals.size === 0;
  }

  want(key: K, value: V): void {
    this.#desired.set(key, value);
    this.#review(key);
  }

  unwant(key: K): void {
    this.#desired.delete(key);
    this.#review(key);
  }

  /** Records that `key` is there with `value` (after a write, or as read back). */
  saw(key: K, value: V): void {
    this.#actual.set(key, value);
    this.#review(key);
  }

  /** Records that `key` is not there. */
  sawGone(key: K): void {
    this.#actual.delete(key);
    this.#review(key);
  }

  /** Replaces the whole actual side by what was read back. */
  sawAll(entries: ReadonlyMap<K, V>): void {
    for (const key of [...this.#actual.keys()]) if (!entries.has(key)) this.sawGone(key);
    for (const [key, value] of entries) this.saw(key, value);
  }

  /** Replaces the whole desired side. */
  wantAll(entries: ReadonlyMap<K, V>): void {
    for (const key of [...this.#desired.keys()]) if (!entries.has(key)) this.unwant(key);
    for (const [key, value] of entries) this.want(key, value);
  }

  #review(key: K): void {
    const desired = this.#desired.get(key);
    const actual = this.#actual.get(key);
    this.#upserts.delete(key);
    this.#removals.delete(key);
    if (desired === undefined) {
      if (actual !== undefined) this.#removals.add(key);
    } else if (actual === undefined || !this.#same(desired, actual)) this.#upserts.set(key, desired);
  }
}
