import { type Ip, ip4, ipFromBytes, ipToBytes } from '@muslin/net';
import { eachAttribute, readBe16, readBe32, readText, readU8, readU16, readU32 } from './message-reader.ts';
import { NLA, type NetlinkWriter } from './message-writer.ts';

/** One row of an attribute table: the kernel's number, and how the payload is written and read. */
export interface Attribute<T> {
  readonly type: number;
  readonly write: (writer: NetlinkWriter, value: T) => void;
  /** Total: short payloads give zeros or empty values. */
  readonly read: (bytes: Uint8Array) => T;
}

/** A table of attributes: field name → row. */
// biome-ignore lint/suspicious/noExplicitAny: a table holds rows of different value types
export type AttributeTable = { readonly [field: string]: Attribute<any> };

/** The value that a table describes: every field optional. */
export type Fields<Table extends AttributeTable> = {
  readonly [K in keyof Table]?: Table[K] extends Attribute<infer T> ? T : never;
};

const byType = new WeakMap<AttributeTable, Map<number, string>>();

/** Writes the fields that are present, in the order of the table. */
export function writeFields<Table extends AttributeTable>(
  writer: NetlinkWriter,
  table: Table,
  fields: Fields<Table>,
): void {
  for (const name in table) {
    const value = fields[name];
    const row = table[name] as Attribute<unknown>;
    if (value !== undefined) writer.attribute(row.type, w => row.write(w, value));
  }
}

/** Reads the attributes that the table knows; others are skipped. */
export function readFields<Table extends AttributeTable>(
  table: Table,
  bytes: Uint8Array,
  offset = 0,
): Fields<Table> {
  let names = byType.get(table);
  if (names === undefined) {
    names = new Map(Object.entries(table).map(([name, row]) => [row.type & NLA.typeMask, name]));
    byType.set(table, names);
  }
  const found: Record<string, unknown> = {};
  eachAttribute(bytes, offset, (type, value) => {
    const name = names.get(type);
    if (name !== undefined) found[name] = (table[name] as Attribute<unknown>).read(value);
  });
  return found as Fields<Table>;
}

export const u8 = (type: number): Attribute<number> => ({
  type,
  write: (w, value) => w.u8(value),
  read: bytes => readU8(bytes),
});

export const u16 = (type: number): Attribute<number> => ({
  type,
  write: (w, value) => w.u16(value),
  read: bytes => readU16(bytes),
});

export const u32 = (type: number): Attribute<number> => ({
  type,
  write: (w, value) => w.u32(value),
  read: bytes => readU32(bytes),
});

/** Two bytes in network order. */
export const be16 = (type: number): Attribute<number> => ({
  type,
  write: (w, value) => w.be16(value),
  read: bytes => readBe16(bytes),
});

/** Four bytes in network order. */
export const be32 = (type: number): Attribute<number> => ({
  type,
  write: (w, value) => w.be32(value),
  read: bytes => readBe32(bytes),
});

/** A byte that is 0 or 1. */
export const bool = (type: number): Attribute<boolean> => ({
  type,
  write: (w, value) => w.u8(value ? 1 : 0),
  read: bytes => readU8(bytes) !== 0,
});

/** NUL-terminated text. */
export const text = (type: number): Attribute<string> => ({
  type,
  write: (w, value) => w.bytes(new TextEncoder().encode(`${value}\0`)),
  read: readText,
});

export const ip = (type: number): Attribute<Ip> => ({
  type,
  write: (w, value) => w.bytes(ipToBytes(value)),
  read: bytes => ipFromBytes(bytes) ?? ip4(0),
});

/** A hardware address as `0a:58:0a:00:00:01`. */
export const mac = (type: number): Attribute<string> => ({
  type,
  write: (w, value) => w.bytes(macToBytes(value)),
  read: bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(':'),
});

/** A payload with codecs of its own. */
export const custom = <T>(
  type: number,
  write: (writer: NetlinkWriter, value: T) => void,
  read: (bytes: Uint8Array) => T,
): Attribute<T> => ({ type, write, read });

/** Nested attributes. `flag: false` for the old nests that the kernel wants without NLA_F_NESTED. */
export const nest = <Table extends AttributeTable>(
  type: number,
  table: Table,
  flag = true,
): Attribute<Fields<Table>> => ({
  type: flag ? type | NLA.nested : type,
  write: (w, value) => writeFields(w, table, value),
  read: bytes => readFields(table, bytes),
});

/** Reads `0a:58:…`; throws on anything else, since MAC addresses come from our own code. */
function macToBytes(value: string): Uint8Array {
  const parts = value.split(':');
  if (parts.length !== 6 || parts.some(part => !/^[0-9a-fA-F]{2}$/.test(part)))
    throw new Error(`${JSON.stringify(value)} is not a MAC address`);
  return Uint8Array.from(parts, part => Number.parseInt(part, 16));
}
