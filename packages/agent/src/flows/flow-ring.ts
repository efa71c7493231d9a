/** What a reader gets: records after a number, and how many it missed. */
export interface FlowPage<T> {
  /** Ask with this for what comes next. */
  readonly next: number;
  /** Records that were overwritten before this reader came, and packets that the kernel could not hand over. */
  readonly lost: number;
  readonly records: readonly T[];
}

/** The latest records, in bounded memory: the oldest give way. */
export class FlowRing<T> {
  readonly #slots: (T | undefined)[];
  #next = 0;

  constructor(capacity: number) {
    this.#slots = new Array<T | undefined>(capacity);
  }

  put(record: T): void {
    this.#slots[this.#next++ % this.#slots.length] = record;
  }

  /** Records from a number on, at most `limit`; without one the latest are given. A number from before a restart counts as none. */
  read(from: number | undefined, limit: number): FlowPage<T> {
    const oldest = Math.max(0, this.#next - this.#slots.length);
    const wanted = from === undefined || from > this.#next ? Math.max(oldest, this.#next - limit) : from;
    const start = Math.max(oldest, wanted);
    const end = Math.min(this.#next, start + limit);
    const records: T[] = [];
    for (let i = start; i < end; i++) records.push(this.#slots[i % this.#slots.length] as T);
    return { next: end, lost: start - wanted, records };
  }
}
