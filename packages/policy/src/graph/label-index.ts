import { type Labels, matchesSelector, type Selector } from '@muslin/api';
import { type Anchor, anchorsOf, cheapest } from './anchors.ts';

/** Whatever bears labels. Its labels must not change while it is in an index. */
export interface Labelled {
  readonly labels: Labels;
}

/** One bearer stands for itself: labels such as a pod's own name are borne once, and a Set each would cost 20 MB. */
type Posting<T> = T | Set<T>;

interface Key<T> {
  size: number;
  readonly values: Map<string, Posting<T>>;
}

/** Bearers of labels by key and value, so that a new selector is asked about few of them. */
export class LabelIndex<T extends Labelled> {
  readonly #all = new Set<T>();
  readonly #keys = new Map<string, Key<T>>();

  add(bearer: T): void {
    this.#all.add(bearer);
    for (const [name, value] of bearer.labels) {
      let key = this.#keys.get(name);
      if (key === undefined) this.#keys.set(name, (key = { size: 0, values: new Map() }));
      key.size++;
      const there = key.values.get(value);
      if (there === undefined) key.values.set(value, bearer);
      else if (there instanceof Set) there.add(bearer);
      else key.values.set(value, new Set([there, bearer]));
    }
  }

  delete(bearer: T): void {
    if (!this.#all.delete(bearer)) return;
    for (const [name, value] of bearer.labels) {
      const key = this.#keys.get(name);
      const there = key?.values.get(value);
      if (key === undefined || there === undefined) continue;
      if (--key.size === 0) this.#keys.delete(name);
      if (there instanceof Set && there.delete(bearer) && there.size > 0) continue;
      key.values.delete(value);
    }
  }

  /** The bearers that the selector selects. */
  *matching(selector: Selector): Iterable<T> {
    const anchors = cheapest(anchorsOf(selector), anchor => this.#count(anchor));
    if (anchors === undefined) {
      for (const bearer of this.#all) if (matchesSelector(selector, bearer.labels)) yield bearer;
      return;
    }
    const seen = new Set<T>();
    for (const anchor of anchors) {
      for (const bearer of this.#bearers(anchor)) {
        if (anchors.length > 1) {
          if (seen.has(bearer)) continue;
          seen.add(bearer);
        }
        if (matchesSelector(selector, bearer.labels)) yield bearer;
      }
    }
  }

  #count({ key, value }: Anchor): number {
    const there = this.#keys.get(key);
    if (there === undefined || value === undefined) return there?.size ?? 0;
    const posting = there.values.get(value);
    return posting instanceof Set ? posting.size : posting === undefined ? 0 : 1;
  }

  *#bearers({ key, value }: Anchor): Iterable<T> {
    const there = this.#keys.get(key);
    if (there === undefined) return;
    const postings = value === undefined ? there.values.values() : [there.values.get(value)];
    for (const posting of postings) {
      if (posting instanceof Set) yield* posting;
      else if (posting !== undefined) yield posting;
    }
  }
}
