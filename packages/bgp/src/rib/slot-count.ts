import { grown } from './column.ts';

/** A number for each slot. A column, since an array of numbers is another kind of array to V8 with every first one. */
export class SlotCount {
  #counts = new Int32Array(64);

  of(slot: number): number {
    return slot < this.#counts.length ? (this.#counts[slot] as number) : 0;
  }

  add(slot: number, by: number): void {
    if (slot >= this.#counts.length)
      this.#counts = grown(this.#counts, Math.max(slot + 1, 2 * this.#counts.length));
    this.#counts[slot]! += by;
  }
}
