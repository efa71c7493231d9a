/** Lines on their way to one agent, handed on in pieces; the lines themselves are shared by all queues that carry them. */
export class LineQueue {
  #lines: readonly Uint8Array[] = [];
  #next = 0;

  get empty(): boolean {
    return this.#next === this.#lines.length;
  }

  put(lines: readonly Uint8Array[]): void {
    this.#lines = this.empty ? lines : [...this.#lines.slice(this.#next), ...lines];
    this.#next = 0;
  }

  /** The next lines as one piece: as many as fit into so many bytes, and at least one; undefined when none is left. */
  take(bytes: number): Uint8Array | undefined {
    const first = this.#next;
    let size = 0;
    while (this.#next < this.#lines.length) {
      size += (this.#lines[this.#next] as Uint8Array).length;
      if (size > bytes && this.#next > first) break;
      this.#next++;
    }
    if (this.#next === first) return undefined;
    const piece = this.#lines.slice(first, this.#next);
    if (this.empty) this.put([]);
    return piece.length === 1 ? piece[0] : Buffer.concat(piece);
  }
}
