/** Bytes of protocol buffers (encoding guide): as much as gRPC calls of the CRI take. */
export type Part = string | number | Uint8Array | undefined;

/** One field: a number as varint, text or bytes with their length; undefined is left out. */
export function field(number: number, value: Part): Buffer {
  if (value === undefined) return Buffer.alloc(0);
  if (typeof value === 'number') return Buffer.concat([varint(number << 3), varint(value)]);
  const bytes = Buffer.from(value as Uint8Array);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

/** A message of fields. */
export const message = (...fields: readonly Buffer[]): Buffer => Buffer.concat(fields);

/** The fields of a message by number, each as often as it is there. */
export function fieldsOf(bytes: Buffer): ReadonlyMap<number, readonly (number | Buffer)[]> {
  const fields = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const read = () => {
    for (let value = 0, unit = 1; ; unit *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  const take = (count: number) => bytes.subarray(at, (at += count));
  while (at < bytes.length) {
    const tag = read();
    const kind = tag & 7;
    const value = kind === 0 ? read() : take(kind === 1 ? 8 : kind === 5 ? 4 : read());
    fields.set(tag >>> 3, [...(fields.get(tag >>> 3) ?? []), value]);
  }
  return fields;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}
