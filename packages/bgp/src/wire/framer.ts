import { ERROR_CODES } from './error-code.ts';
import { type ResetFault, resetFault } from './fault.ts';
import { MAX_MESSAGE, type WireOptions } from './options.ts';
import type { PlainUpdate } from './plain-update.ts';

/** Octets of marker, length and type (RFC 4271 §4.1). */
export const HEADER_LENGTH = 19;

/** Shortest and, where fixed, longest length per message type (RFC 4271 §6.1, RFC 8654 §4). */
const TYPES: Readonly<Record<number, { readonly least: number; readonly most?: number }>> = {
  1: { least: 29, most: MAX_MESSAGE },
  2: { least: 23 },
  3: { least: 21 },
  4: { least: 19, most: 19 },
  // A wrong ROUTE-REFRESH length has its own error code, so the framer leaves it alone (RFC 7313 §5).
  5: { least: 19 },
};

const NOTHING = new Uint8Array(0);

/** One whole message without its header. `body` is a view that stays valid until the next `push`. */
export interface Frame {
  readonly type: number;
  readonly body: Uint8Array;
}

/**
 * Cuts a byte stream into messages. `push` bytes, then call `next` until it gives undefined.
 * Holds at most one incomplete message. After a fault the stream can't be trusted and `next` repeats the fault.
 */
export class Framer {
  /** Largest message accepted; raised when both sides agreed on RFC 8654. */
  maxLength = MAX_MESSAGE;
  #bytes: Uint8Array = NOTHING;
  #offset = 0;
  #fault: ResetFault | undefined;

  push(bytes: Uint8Array): void {
    const rest = this.#bytes.length - this.#offset;
    if (rest === 0) {
      this.#bytes = plain(bytes);
    } else {
      const joined = new Uint8Array(rest + bytes.length);
      joined.set(this.#bytes.subarray(this.#offset));
      joined.set(bytes, rest);
      this.#bytes = joined;
    }
    this.#offset = 0;
  }

  /** Loads the next message when it is a whole, plain UPDATE; false leaves it to `next`. */
  nextPlain(update: PlainUpdate, options: WireOptions): boolean {
    const bytes = this.#bytes;
    const start = this.#offset;
    const left = bytes.length - start;
    if (left < HEADER_LENGTH || bytes[start + 18] !== 2) return false;
    const length = ((bytes[start + 16] as number) << 8) | (bytes[start + 17] as number);
    if (length > left || length > this.maxLength) return false;
    for (let i = 0; i < 16; i++) if (bytes[start + i] !== 0xff) return false;
    if (!update.load(bytes, start + HEADER_LENGTH, start + length, options)) return false;
    this.#offset = start + length;
    return true;
  }

  next(): Frame | ResetFault | undefined {
    if (this.#fault !== undefined) return this.#fault;
    const bytes = this.#bytes;
    const start = this.#offset;
    const left = bytes.length - start;
    if (left === 0) {
      this.#bytes = NOTHING;
      this.#offset = 0;
      return undefined;
    }
    // A wrong marker shows before the header is whole; waiting for the rest could take for ever.
    for (let i = 0; i < 16 && i < left; i++) {
      if (bytes[start + i] !== 0xff) return this.#fail(1, 'the marker is not all ones', new Uint8Array(0));
    }
    if (left < HEADER_LENGTH) return this.#keep();
    const length = ((bytes[start + 16] as number) << 8) | (bytes[start + 17] as number);
    const type = bytes[start + 18] as number;
    const row = TYPES[type];
    if (row === undefined && length >= HEADER_LENGTH && length <= this.maxLength) {
      return this.#fail(3, `message type ${type} is unknown`, Uint8Array.of(type));
    }
    const least = row?.least ?? HEADER_LENGTH;
    const most = Math.min(row?.most ?? this.maxLength, this.maxLength);
    if (length < least || length > most) {
      const data = Uint8Array.of(length >> 8, length & 0xff);
      return this.#fail(2, `a type ${type} message can't have ${length} octets`, data);
    }
    if (left < length) return this.#keep();
    this.#offset = start + length;
    return { type, body: bytes.subarray(start + HEADER_LENGTH, this.#offset) };
  }

  #keep(): undefined {
    // Copied, because the pushed chunk may be a buffer that the caller uses again.
    this.#bytes = this.#bytes.slice(this.#offset);
    this.#offset = 0;
    return undefined;
  }

  #fail(subcode: number, message: string, data: Uint8Array): ResetFault {
    this.#bytes = new Uint8Array(0);
    this.#offset = 0;
    this.#fault = resetFault(ERROR_CODES.header.code, subcode, message, 'RFC 4271 §6.1', data);
    return this.#fault;
  }
}

/** Octets of one kind only: what reads Node's `Buffer` as well as others' is half as fast with both. */
function plain(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A whole message: header and body. */
export function frameMessage(type: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + body.length);
  bytes.fill(0xff, 0, 16);
  bytes[16] = bytes.length >> 8;
  bytes[17] = bytes.length & 0xff;
  bytes[18] = type;
  bytes.set(body, HEADER_LENGTH);
  return bytes;
}
