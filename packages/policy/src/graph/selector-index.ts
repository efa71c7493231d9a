import { type Labels, matchesSelector, type Selector } from '@muslin/api';
import { type Anchor, anchorsOf, cheapest, keysOf } from './anchors.ts';

interface Entry<K> {
  readonly id: K;
  readonly selector: Selector;
  readonly keys: ReadonlySet<string>;
  /** Undefined: found by no label, so always asked. */
  readonly anchors: readonly Anchor[] | undefined;
}

interface Bucket<K> {
  readonly any: Set<Entry<K>>;
  readonly values: Map<string, Set<Entry<K>>>;
}

/** Selectors by the labels that they need, so that a set of labels is asked only about those it may match. */
export class SelectorIndex<K> {
  readonly #entries = new Map<K, Entry<K>>();
  readonly #buckets = new Map<string, Bucket<K>>();
  readonly #unanchored = new Set<Entry<K>>();

  /** Adds a selector, or replaces the one of that id. */
  set(id: K, selector: Selector): void {
    this.delete(id);
    // The smallest bucket spreads selectors over labels: half of a cluster may say app=web, few share a namespace.
    const anchors = cheapest(anchorsOf(selector), anchor => this.#bucket(anchor)?.size ?? 0);
    const entry: Entry<K> = { id, selector, keys: keysOf(selector), anchors };
    this.#entries.set(id, entry);
    if (anchors === undefined) this.#unanchored.add(entry);
    else for (const anchor of anchors) this.#makeBucket(anchor).add(entry);
  }

  delete(id: K): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    if (entry.anchors === undefined) this.#unanchored.delete(entry);
    else for (const anchor of entry.anchors) this.#removeFrom(anchor, entry);
  }

  /** The selectors that these labels satisfy. */
  matching(labels: Labels): Set<K> {
    const found = new Set<K>();
    for (const entry of this.#candidates(labels))
      if (matchesSelector(entry.selector, labels)) found.add(entry.id);
    return found;
  }

  /**
   * Asks the selectors that may answer differently for `before` and `after` (undefined: not there) and calls `changed`
   * for each that matches one of them; with `changedKeys`, only selectors that look at such a key.
   */
  compare(
    before: Labels | undefined,
    after: Labels | undefined,
    changedKeys: ReadonlySet<string> | undefined,
    changed: (id: K, matchedBefore: boolean, matchesAfter: boolean) => void,
  ): void {
    const entries = new Set<Entry<K>>();
    for (const labels of [before, after])
      if (labels !== undefined) for (const entry of this.#candidates(labels)) entries.add(entry);
    for (const { id, selector, keys } of entries) {
      if (changedKeys !== undefined && keys.isDisjointFrom(changedKeys)) continue;
      const was = before !== undefined && matchesSelector(selector, before);
      const is = after !== undefined && matchesSelector(selector, after);
      if (was || is) changed(id, was, is);
    }
  }

  *#candidates(labels: Labels): Iterable<Entry<K>> {
    yield* this.#unanchored;
    for (const [key, value] of labels) {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) continue;
      yield* bucket.any;
      const exact = bucket.values.get(value);
      if (exact !== undefined) yield* exact;
    }
  }

  #bucket({ key, value }: Anchor): Set<Entry<K>> | undefined {
    const bucket = this.#buckets.get(key);
    return value === undefined ? bucket?.any : bucket?.values.get(value);
  }

  #makeBucket({ key, value }: Anchor): Set<Entry<K>> {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) this.#buckets.set(key, (bucket = { any: new Set(), values: new Map() }));
    if (value === undefined) return bucket.any;
    let exact = bucket.values.get(value);
    if (exact === undefined) bucket.values.set(value, (exact = new Set()));
    return exact;
  }

  #removeFrom(anchor: Anchor, entry: Entry<K>): void {
    const set = this.#bucket(anchor);
    const bucket = this.#buckets.get(anchor.key);
    if (set === undefined || bucket === undefined) return;
    set.delete(entry);
    if (set.size === 0 && anchor.value !== undefined) bucket.values.delete(anchor.value);
    if (bucket.any.size === 0 && bucket.values.size === 0) this.#buckets.delete(anchor.key);
  }
}
