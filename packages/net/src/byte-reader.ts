/**
 * Reads big-endian fields from bytes. Total: past the end every read yields zeros or a short view and
 * `overrun` becomes true, so a decoder checks once at the end of a structure instead of before each field.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  offset: number;
  overrun = false;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = Math.min(end, bytes.length);
  }

  /** Bytes left before `end`. */
  get left(): number {
    return this.end - this.offset;
  }

  /** One byte, unsigned. */
  u8(): number {
    if (this.left < 1) return this.#short();
    return this.bytes[this.offset++] as number;
  }

  /** Two bytes, unsigned. */
  u16(): number {
    if (this.left < 2) return this.#short();
    const value = ((this.bytes[this.offset] as number) << 8) | (this.bytes[this.offset + 1] as number);
    this.offset += 2;
    return value;
  }

  /** Four bytes, unsigned. */
  u32(): number {
    if (this.left < 4) return this.#short();
    const b = this.bytes;
    const o = this.offset;
    this.offset += 4;
    return (
      (((b[o] as number) << 24) |
        ((b[o + 1] as number) << 16) |
        ((b[o + 2] as number) << 8) |
        (b[o + 3] as number)) >>>
      0
    );
  }

  /** A view (not a copy) of the next `count` bytes; shorter, with `overrun` set, when there are fewer. */
  take(count: number): Uint8Array {
    if (count > this.left) this.overrun = true;
    const start = this.offset;
    this.offset = Math.min(this.end, start + Math.max(0, count));
    return this.bytes.subarray(start, this.offset);
  }

  /** A reader over the next `count` bytes. */
  sub(count: number): ByteReader {
    const start = this.offset;
    this.take(count);
    return new ByteReader(this.bytes, start, this.offset);
  }

  #short(): 0 {
    this.overrun = true;
    this.offset = this.end;
    return 0;
  }
}
