import { ByteReader, type ByteWriter, fail, formatIp, type Ip4, ip4, ok, type Result } from '@muslin/net';
import type { WireOptions } from './options.ts';

/** One path attribute: code point, flags, what a malformed one costs, and its bytes. */
export interface AttributeRow<T> {
  readonly code: number;
  readonly rfc: string;
  readonly optional: boolean;
  readonly transitive: boolean;
  /** What a malformed value costs (RFC 7606 §7). */
  readonly malformed: 'withdraw' | 'discard';
  /** From a peer in another AS it is dropped unread (RFC 7606 §7.5, §7.9, §7.10). */
  readonly internalOnly?: true;
  /** Reads the value; the fault is the reason in words. */
  readonly decode: (bytes: Uint8Array, options: WireOptions) => Result<T, string>;
  readonly encode: (value: T, writer: ByteWriter, options: WireOptions) => void;
  /** The value as an operator writes it. */
  readonly show: (value: T) => string;
}

/** Declares a row. */
export function attribute<T>(row: AttributeRow<T>): AttributeRow<T> {
  return row;
}

type Class = Pick<AttributeRow<never>, 'optional' | 'transitive'>;
/** Attribute classes of RFC 4271 §5. */
export const WELL_KNOWN: Class = { optional: false, transitive: true };
/** Understood or passed on. */
export const OPTIONAL_TRANSITIVE: Class = { optional: true, transitive: true };
/** Understood or dropped. */
export const OPTIONAL_NON_TRANSITIVE: Class = { optional: true, transitive: false };

type NumberRow = Pick<AttributeRow<number>, 'code' | 'rfc' | 'optional' | 'transitive' | 'internalOnly'>;

/** A row whose value is one unsigned 32-bit number. */
export function numberAttribute(row: NumberRow): AttributeRow<number> {
  return {
    ...row,
    malformed: 'withdraw',
    decode: bytes => (bytes.length === 4 ? ok(new ByteReader(bytes).u32()) : badLength(bytes, '4')),
    encode: (value, writer) => {
      writer.u32(value);
    },
    show: value => `${value}`,
  };
}

/** A row whose value is one BGP identifier. */
export function identifierAttribute(row: NumberRow): AttributeRow<Ip4> {
  return {
    ...row,
    malformed: 'withdraw',
    decode: bytes => (bytes.length === 4 ? ok(ip4(new ByteReader(bytes).u32())) : badLength(bytes, '4')),
    encode: (value, writer) => {
      writer.u32(value.bits);
    },
    show: formatIp,
  };
}

/** A row whose value is a list of entries of a fixed size; an empty list is malformed (RFC 7606 §7.8). */
export function listAttribute<T>(
  row: NumberRow & {
    readonly size: number;
    readonly read: (reader: ByteReader) => T;
    readonly write: (entry: T, writer: ByteWriter) => void;
    readonly showEntry: (entry: T) => string;
  },
): AttributeRow<readonly T[]> {
  const { size, read, write, showEntry, ...rest } = row;
  return {
    ...rest,
    malformed: 'withdraw',
    decode: bytes => {
      if (bytes.length === 0 || bytes.length % size !== 0) return badLength(bytes, `a multiple of ${size}`);
      const reader = new ByteReader(bytes);
      const list: T[] = [];
      while (reader.left > 0) list.push(read(reader));
      return ok(list);
    },
    encode: (list, writer) => {
      for (const entry of list) write(entry, writer);
    },
    show: list => list.map(showEntry).join(' '),
  };
}

/** The fault of a value with a wrong length. */
export function badLength(bytes: Uint8Array, wanted: string): { readonly ok: false; readonly fault: string } {
  return fail(`has ${bytes.length} octets instead of ${wanted}`);
}
