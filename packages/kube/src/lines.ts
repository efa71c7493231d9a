/** What a chunk of bytes completes. */
export type LineStep = { readonly line: Uint8Array } | { readonly tooLong: number };

const NEWLINE = 10;

/**
 * Splits a byte stream into lines (NDJSON) and holds at most `limit` bytes of an unfinished one. A line that grows
 * past the limit is reported once, with its length so far; the stream is of no use after that.
 */
export class LineSplitter {
  readonly #limit: number;
  #held: Uint8Array[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of the unfinished line. */
  get pending(): number {
    return this.#size;
  }

  /** Lines that this chunk completes, without their newline; empty lines are passed over. */
  *push(chunk: Uint8Array): Generator<LineStep> {
    let start = 0;
    while (start < chunk.length) {
      const end = chunk.indexOf(NEWLINE, start);
      const stop = end < 0 ? chunk.length : end;
      this.#size += stop - start;
      if (this.#size > this.#limit) {
        yield { tooLong: this.#size };
        return;
      }
      if (stop > start) this.#held.push(chunk.subarray(start, stop));
      if (end < 0) return;
      if (this.#size > 0) yield { line: this.#take() };
      start = end + 1;
    }
  }

  #take(): Uint8Array {
    const line = this.#held.length === 1 ? (this.#held[0] as Uint8Array) : joinBytes(this.#held, this.#size);
    this.#held = [];
    this.#size = 0;
    return line;
  }
}

/** One array of `size` bytes out of parts. */
export function joinBytes(parts: readonly Uint8Array[], size: number): Uint8Array {
  const joined = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
