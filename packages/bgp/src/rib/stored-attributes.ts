import { ByteReader } from '@muslin/net';
import {
  attributeKind,
  attributeRow,
  FLAG,
  type PathAttributes,
  type UnknownAttribute,
} from '../wire/attributes.ts';
import { PLAIN_OPTIONS } from '../wire/options.ts';

/** Reads what `writeAttributes` wrote with `PLAIN_OPTIONS`: our own bytes, so anything odd is a bug. */
export function readStoredAttributes(bytes: Uint8Array): PathAttributes {
  const reader = new ByteReader(bytes);
  const attributes: Record<string, unknown> = {};
  const unknown: UnknownAttribute[] = [];
  while (reader.left > 0) {
    const flags = reader.u8();
    const code = reader.u8();
    const value = reader.take(flags & FLAG.extended ? reader.u16() : reader.u8());
    const kind = attributeKind(code);
    if (kind === undefined) {
      unknown.push({ flags: flags & 0xe0, code, bytes: value.slice() });
      continue;
    }
    const read = attributeRow(kind).decode(value, PLAIN_OPTIONS);
    if (!read.ok) throw new Error(`stored attribute ${kind} ${read.fault}`);
    attributes[kind] = read.value;
  }
  if (unknown.length > 0) attributes['unknown'] = unknown;
  return attributes as PathAttributes;
}
