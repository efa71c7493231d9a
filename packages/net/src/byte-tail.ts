import { ByteReader } from './byte-reader.ts';

/** The unread end of a stream that comes in pieces: what is pushed is taken off again in whole records. */
export class ByteTail {
  #bytes: Uint8Array = new Uint8Array(0);
  #offset = 0;

  /** Bytes that were pushed and not taken. */
  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  push(bytes: Uint8Array): void {
    const rest = this.#bytes.subarray(this.#offset);
    const joined = new Uint8Array(rest.length + bytes.length);
    joined.set(rest);
    joined.set(bytes, rest.length);
    this.#bytes = joined;
    this.#offset = 0;
  }

  /** Reads ahead, and takes nothing. */
  peek(): ByteReader {
    return new ByteReader(this.#bytes, this.#offset);
  }

  /** A view of the next `count` bytes, or of all there are. */
  take(count: number): Uint8Array {
    const start = this.#offset;
    this.#offset = Math.min(start + count, this.#bytes.length);
    return this.#bytes.subarray(start, this.#offset);
  }

  clear(): void {
    this.#bytes = new Uint8Array(0);
    this.#offset = 0;
  }
}
