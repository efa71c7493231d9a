/** A stream of numbers in [0, 1) from a seed (mulberry32): spread, not secrecy. The same seed gives the same stream. */
export class Jitter {
  #seed: number;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
  }

  next(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), this.#seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
}
