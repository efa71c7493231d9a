import { grown } from './column.ts';

/** Keys that wait, each at most once, with what is known of them; first in, first out. */
export interface KeyQueue {
  readonly size: number;
  /** Whether the peer may have an older route for a key; undefined when it doesn't wait. */
  get(key: number): boolean | undefined;
  /** Puts a key at the end, or changes what is known of one that waits. */
  set(key: number, hadIt: boolean): unknown;
  /** Takes up to `limit` keys off. */
  take(limit: number, visit: (key: number, hadIt: boolean) => void): void;
}

const NEW = 1;
const HAD = 2;

/** A queue of prefix numbers: five octets each, so that a slow reader of a whole table costs little. */
export class PrefixQueue implements KeyQueue {
  #state = new Uint8Array(256);
  #order = new Int32Array(256);
  #head = 0;
  #tail = 0;

  get size(): number {
    return this.#tail - this.#head;
  }

  get(key: number): boolean | undefined {
    const state = this.#state[key] ?? 0;
    return state === 0 ? undefined : state === HAD;
  }

  set(key: number, hadIt: boolean): void {
    if (key >= this.#state.length) {
      this.#state = grown(this.#state, Math.max(key + 1, this.#state.length * 2));
    }
    const known = this.#state[key] !== 0;
    this.#state[key] = hadIt ? HAD : NEW;
    if (known) return;
    if (this.#tail === this.#order.length) this.#makeRoom();
    this.#order[this.#tail++] = key;
  }

  take(limit: number, visit: (key: number, hadIt: boolean) => void): void {
    const stop = Math.min(this.#tail, this.#head + limit);
    while (this.#head < stop) {
      const key = this.#order[this.#head++] as number;
      const hadIt = this.#state[key] === HAD;
      this.#state[key] = 0;
      visit(key, hadIt);
    }
    if (this.#head < this.#tail) return;
    this.#head = 0;
    this.#tail = 0;
    // Who has caught up keeps nothing of it.
    if (this.#order.length > 4096) {
      this.#order = new Int32Array(256);
      this.#state = new Uint8Array(256);
    }
  }

  #makeRoom(): void {
    if (this.#head > this.#tail / 2) this.#order.copyWithin(0, this.#head, this.#tail);
    else {
      const longer = new Int32Array(this.#order.length * 2);
      longer.set(this.#order.subarray(this.#head, this.#tail));
      this.#order = longer;
    }
    this.#tail -= this.#head;
    this.#head = 0;
  }
}

/** The same for keys of any size. */
export class MapQueue implements KeyQueue {
  readonly #map = new Map<number, boolean>();

  get size(): number {
    return this.#map.size;
  }

  get(key: number): boolean | undefined {
    return this.#map.get(key);
  }

  set(key: number, hadIt: boolean): void {
    this.#map.set(key, hadIt);
  }

  take(limit: number, visit: (key: number, hadIt: boolean) => void): void {
    let left = limit;
    for (const [key, hadIt] of this.#map) {
      if (left-- <= 0) return;
      this.#map.delete(key);
      visit(key, hadIt);
    }
  }

  [Symbol.iterator](): Iterator<[number, boolean]> {
    return this.#map[Symbol.iterator]();
  }
}
