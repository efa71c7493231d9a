import type { FamilyRib } from './family-rib.ts';
import type { KeyQueue } from './prefix-queue.ts';
import type { UpdatePacker } from './update-packer.ts';

/** What comes after a queue was emptied. */
export interface CaughtUp {
  readonly done: boolean;
  readonly refresh: 'no' | 'plain' | 'bracketed';
}

/**
 * One peer of a group: how far behind it is. Its queue holds each key at most once; a key stands for a prefix, or for
 * one path of a prefix.
 */
export class GroupMember {
  readonly slot: number;
  /** The peer's socket is full: nothing is sent until it drains. */
  paused = false;
  /** What follows when the queue is empty: the first routes are complete, or a refresh is (RFC 4724 §2, RFC 7313 §4). */
  marker: 'none' | 'end-of-rib' | 'end-of-refresh' = 'none';
  /** A refresh was asked for while the first routes were still on their way (RFC 7313 §4). */
  #again: CaughtUp['refresh'] = 'no';
  readonly #rib: FamilyRib;
  readonly #entryOf: (key: number) => number;
  readonly #queue: KeyQueue;

  constructor(slot: number, rib: FamilyRib, queue: KeyQueue, entryOf: (key: number) => number) {
    this.slot = slot;
    this.#queue = queue;
    this.#rib = rib;
    this.#entryOf = entryOf;
  }

  /** Keys that the peer has not got yet. */
  get behind(): number {
    return this.#queue.size;
  }

  /** Whether changes can be sent at once. */
  get inStep(): boolean {
    return !this.paused && this.#queue.size === 0 && this.marker === 'none';
  }

  /** Goes on where the peer stood in another group; its queue is the caller's matter. */
  continue(old: GroupMember | undefined): void {
    if (old === undefined) return;
    this.paused = old.paused;
    this.marker = old.marker;
    this.#again = old.#again;
  }

  /** Notes that a key must be sent. `hadIt` counts only when the key was not queued yet. */
  queue(key: number, hadIt: boolean): void {
    if (this.#queue.get(key) === undefined) this.requeue(key, hadIt);
  }

  /** Notes that a key must be sent, whatever was noted before. */
  requeue(key: number, hadIt: boolean): void {
    if (this.#queue.get(key) === undefined) this.#rib.pin(this.#entryOf(key));
    this.#queue.set(key, hadIt);
  }

  /** For a queued key, whether the peer may have an older route; undefined when it isn't queued. */
  waiting(key: number): boolean | undefined {
    return this.#queue.get(key);
  }

  /** Takes up to `limit` keys off the queue; the caller unpins their prefixes. */
  take(limit: number, visit: (key: number, hadIt: boolean) => void): void {
    this.#queue.take(limit, visit);
  }

  /** Empties the queue. */
  clear(): void {
    this.take(Number.POSITIVE_INFINITY, key => this.#rib.unpin(this.#entryOf(key)));
  }

  /** Starts a refresh; false when the first routes must be through before (RFC 7313 §4). */
  beginRefresh(bracketed: boolean): boolean {
    if (this.marker === 'end-of-rib') {
      this.#again = bracketed ? 'bracketed' : 'plain';
      return false;
    }
    this.marker = bracketed ? 'end-of-refresh' : 'none';
    return true;
  }

  /** To be called after sending: appends the marker that is due, and tells whether a refresh has waited for this. */
  caughtUp(packer: UpdatePacker): CaughtUp {
    if (this.#queue.size > 0) return { done: false, refresh: 'no' };
    if (this.marker === 'end-of-rib') packer.endOfRib();
    if (this.marker === 'end-of-refresh') packer.refreshMark(2);
    this.marker = 'none';
    const refresh = this.#again;
    this.#again = 'no';
    return { done: true, refresh };
  }
}
