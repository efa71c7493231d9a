import type { StoreEvent } from './store.ts';

/** The last writes, oldest first: what a watch can start from and a page can be rewound to. */
export class History {
  readonly #window: number;
  #events: StoreEvent[] = [];
  #oldest: number;

  /** @param oldest revision of the state before the first kept write */
  constructor(window: number, oldest: number) {
    this.#window = window;
    this.#oldest = oldest;
  }

  /** The oldest revision that `since` still answers for. */
  get oldest(): number {
    return this.#oldest;
  }

  add(event: StoreEvent): void {
    this.#events.push(event);
    // Dropping half a window at a time keeps an addition at constant cost.
    if (this.#events.length < this.#window * 1.5) return;
    const surplus = this.#events.length - this.#window;
    this.#oldest = (this.#events[surplus - 1] as StoreEvent).revision;
    this.#events = this.#events.slice(surplus);
  }

  /** A new list of the writes after a revision; undefined when some of them are forgotten. */
  since(revision: number): StoreEvent[] | undefined {
    if (revision < this.#oldest) return undefined;
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle] as StoreEvent).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#events.slice(low);
  }

  /** Forgets everything up to now, as a compaction does. */
  compact(): void {
    this.#oldest = this.#events.at(-1)?.revision ?? this.#oldest;
    this.#events = [];
  }
}
