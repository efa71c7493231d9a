/** Bytes of `struct nlmsghdr` (RFC 3549 §2.3.2): length u32, type u16, flags u16, sequence u32, port u32. */
export const MESSAGE_HEADER = 16;

/** Bits of an attribute type (uapi/linux/netlink.h). */
export const NLA = { nested: 0x8000, netByteOrder: 0x4000, typeMask: 0x3fff } as const;

const padded = (length: number): number => (length + 3) & ~3;

/**
 * Writes netlink messages into one growing buffer: integers in host order (little endian on every machine
 * Muslin runs on), attributes padded to four bytes.
 */
export class NetlinkWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  #start = -1;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far, without an unfinished message's padding. */
  get length(): number {
    return this.#length;
  }

  /** Starts a message. */
  begin(type: number, flags: number, sequence: number): this {
    this.#start = this.#length;
    return this.u32(0).u16(type).u16(flags).u32(sequence).u32(0);
  }

  /** Ends the message that `begin` started. */
  end(): this {
    this.#view.setUint32(this.#start, this.#length - this.#start, true);
    return this.#pad();
  }

  u8(value: number): this {
    this.#room(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    this.#room(2);
    this.#view.setUint16(this.#length, value, true);
    this.#length += 2;
    return this;
  }

  u32(value: number): this {
    this.#room(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  /** Two bytes in network order. */
  be16(value: number): this {
    this.#room(2);
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
    return this;
  }

  /** Four bytes in network order. */
  be32(value: number): this {
    this.#room(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** An attribute with the payload that `write` writes; also for nests (give the type with `NLA.nested`). */
  attribute(type: number, write: (writer: this) => void): this {
    const start = this.#length;
    this.u16(0).u16(type);
    write(this);
    const length = this.#length - start;
    if (length > 0xffff) throw new RangeError(`netlink attribute ${type} of ${length} bytes: at most 65535`);
    this.#view.setUint16(start, length, true);
    return this.#pad();
  }

  /** An attribute of one 32-bit integer. */
  attribute32(type: number, value: number): this {
    return this.u16(8).u16(type).u32(value);
  }

  /** An attribute of raw bytes. */
  attributeBytes(type: number, value: Uint8Array): this {
    return this.u16(4 + value.length)
      .u16(type)
      .bytes(value)
      .#pad();
  }

  /** What was written, as a view that is valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Forgets everything written after `length`. */
  truncate(length = 0): void {
    this.#length = length;
  }

  #pad(): this {
    const end = padded(this.#length);
    this.#room(end - this.#length);
    this.#bytes.fill(0, this.#length, end);
    this.#length = end;
    return this;
  }

  #room(count: number): void {
    const need = this.#length + count;
    if (need <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(need, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
