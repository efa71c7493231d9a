import { ByteReader, ByteWriter } from '@muslin/net';
import { utf8Bytes, utf8Text } from '../wire/utf8.ts';

/** Stands in JSON for octets that follow it: where they begin, and how many. */
interface BlobMark {
  readonly $octets: readonly [start: number, length: number];
}

/**
 * A plain value as bytes: the length of its JSON, the JSON, and after it all octet strings that the value holds. Equal
 * values, with their properties in the same order, give equal bytes.
 */
export function encodeValue(value: unknown): Uint8Array {
  const blobs = new ByteWriter(64);
  const json = JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, key, shown: unknown) {
    // Some kinds of octet string turn themselves into something else before they get here.
    const held = this[key];
    if (!(held instanceof Uint8Array)) return shown;
    const mark: BlobMark = { $octets: [blobs.length, held.length] };
    blobs.bytes(held);
    return mark;
  });
  const text = utf8Bytes(json ?? 'null');
  return new ByteWriter(4 + text.length + blobs.length)
    .u32(text.length)
    .bytes(text)
    .bytes(blobs.view())
    .finish();
}

/** Reads what `encodeValue` wrote; undefined for any other bytes. */
export function decodeValue(bytes: Uint8Array): unknown {
  const reader = new ByteReader(bytes);
  const text = utf8Text(reader.take(reader.u32()));
  if (reader.overrun) return undefined;
  const blobs = bytes.subarray(reader.offset);
  try {
    return JSON.parse(text, (_key, value: unknown) => {
      const mark = (value as Partial<BlobMark> | null)?.$octets;
      return Array.isArray(mark) ? blobs.slice(Number(mark[0]), Number(mark[0]) + Number(mark[1])) : value;
    });
  } catch {
    return undefined;
  }
}
