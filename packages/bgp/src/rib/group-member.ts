import type { FamilyRib } from './family-rib.ts';

/** One peer of an update group: how far behind it is. Its queue holds each prefix at most once. */
export class GroupMember {
  readonly slot: number;
  /** The peer's socket is full: nothing is sent until it drains. */
  paused = false;
  /** What follows when the queue is empty: the first routes are complete, or a refresh is (RFC 4724 §2, RFC 7313 §4). */
  marker: 'none' | 'end-of-rib' | 'end-of-refresh' = 'none';
  /** A refresh was asked for while the first routes were still on their way (RFC 7313 §4). */
  refreshAgain: 'no' | 'plain' | 'bracketed' = 'no';
  readonly #rib: FamilyRib;
  /** Prefix → whether the peer may have an older route for it. */
  readonly #queue = new Map<number, boolean>();

  constructor(slot: number, rib: FamilyRib) {
    this.slot = slot;
    this.#rib = rib;
  }

  /** Prefixes that the peer has not got yet. */
  get behind(): number {
    return this.#queue.size;
  }

  /** Whether changes can be sent at once. */
  get inStep(): boolean {
    return !this.paused && this.#queue.size === 0 && this.marker === 'none';
  }

  /** Notes that a prefix must be sent. `hadIt` counts only when the prefix was not queued yet. */
  queue(entry: number, hadIt: boolean): void {
    if (this.#queue.has(entry)) return;
    this.#queue.set(entry, hadIt);
    this.#rib.pin(entry);
  }

  /** For a queued prefix, whether the peer may have an older route; undefined when it isn't queued. */
  waiting(entry: number): boolean | undefined {
    return this.#queue.get(entry);
  }

  /** Takes up to `limit` prefixes off the queue; the caller unpins them. */
  take(limit: number): { readonly entry: number; readonly hadIt: boolean }[] {
    const list: { entry: number; hadIt: boolean }[] = [];
    for (const [entry, hadIt] of this.#queue) {
      if (list.length === limit) break;
      list.push({ entry, hadIt });
    }
    for (const { entry } of list) this.#queue.delete(entry);
    return list;
  }

  /** Empties the queue. */
  clear(): void {
    for (const { entry } of this.take(Number.POSITIVE_INFINITY)) this.#rib.unpin(entry);
  }
}
