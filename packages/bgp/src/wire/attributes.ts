import { type ByteReader, type ByteWriter, fail, formatIp, type Ip4, ip4, ok } from '@muslin/net';
import {
  type AttributeRow,
  attribute,
  badLength,
  identifierAttribute,
  listAttribute,
  numberAttribute,
  OPTIONAL_NON_TRANSITIVE,
  OPTIONAL_TRANSITIVE,
  WELL_KNOWN,
} from './attribute-row.ts';
import { as4PathRow, asPathRow, needsFourOctets } from './as-path.ts';
import { communitiesRow, largeCommunitiesRow } from './community.ts';
import { extendedCommunitiesRow } from './extended-community.ts';
import { nextHopRow } from './next-hop.ts';
import { AS_TRANS } from './open.ts';
import type { WireOptions } from './options.ts';

/** ORIGIN values in the order of their codes (RFC 4271 §4.3). */
export const ORIGINS = ['igp', 'egp', 'incomplete'] as const;
/** How the route entered BGP. */
export type Origin = (typeof ORIGINS)[number];

/** Who aggregated the route. */
export interface Aggregator {
  readonly asNumber: number;
  readonly identifier: Ip4;
}

const readIdentifier = (reader: ByteReader): Ip4 => ip4(reader.u32());

function aggregatorRow(code: number, rfc: string): AttributeRow<Aggregator> {
  const wide = (options: WireOptions) => code === 18 || options.fourOctetAs;
  return attribute<Aggregator>({
    code,
    rfc,
    ...OPTIONAL_TRANSITIVE,
    malformed: 'discard',
    decode: (bytes, options) => {
      const size = wide(options) ? 8 : 6;
      if (bytes.length !== size) return badLength(bytes, `${size}`);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const asNumber = size === 8 ? view.getUint32(0) : view.getUint16(0);
      if (asNumber === 0) return fail('names AS 0 (RFC 7607 §2)');
      return ok({ asNumber, identifier: ip4(view.getUint32(size - 4)) });
    },
    encode: (value, writer, options) => {
      if (wide(options)) writer.u32(value.asNumber);
      else writer.u16(value.asNumber > 0xffff ? AS_TRANS : value.asNumber);
      writer.u32(value.identifier.bits);
    },
    show: value => `${value.asNumber} ${formatIp(value.identifier)}`,
  });
}

/**
 * One row per path attribute that Muslin reads, in the order of their codes.
 * MP_REACH_NLRI and MP_UNREACH_NLRI carry routes, not properties of routes, and live in `update.ts`.
 */
export const ATTRIBUTES = {
  origin: attribute<Origin>({
    code: 1,
    rfc: 'RFC 4271 §5.1.1, RFC 7606 §7.1',
    ...WELL_KNOWN,
    malformed: 'withdraw',
    decode: bytes => {
      if (bytes.length !== 1) return badLength(bytes, '1');
      const origin = ORIGINS[bytes[0] as number];
      return origin === undefined ? fail(`has the undefined value ${bytes[0]}`) : ok(origin);
    },
    encode: (value, writer) => {
      writer.u8(ORIGINS.indexOf(value));
    },
    show: value => value,
  }),
  asPath: asPathRow,
  nextHop: nextHopRow,
  med: numberAttribute({ code: 4, rfc: 'RFC 4271 §5.1.4, RFC 7606 §7.4', ...OPTIONAL_NON_TRANSITIVE }),
  localPref: numberAttribute({
    code: 5,
    rfc: 'RFC 4271 §5.1.5, RFC 7606 §7.5',
    ...WELL_KNOWN,
    internalOnly: true,
  }),
  atomicAggregate: attribute<true>({
    code: 6,
    rfc: 'RFC 4271 §5.1.6, RFC 7606 §7.6',
    ...WELL_KNOWN,
    malformed: 'discard',
    decode: bytes => (bytes.length === 0 ? ok(true as const) : badLength(bytes, '0')),
    encode: () => {},
    show: () => 'yes',
  }),
  aggregator: aggregatorRow(7, 'RFC 4271 §5.1.7, RFC 7606 §7.7'),
  communities: communitiesRow,
  originatorId: identifierAttribute({
    code: 9,
    rfc: 'RFC 4456 §8, RFC 7606 §7.9',
    ...OPTIONAL_NON_TRANSITIVE,
    internalOnly: true,
  }),
  clusterList: listAttribute<Ip4>({
    code: 10,
    rfc: 'RFC 4456 §8, RFC 7606 §7.10',
    ...OPTIONAL_NON_TRANSITIVE,
    internalOnly: true,
    size: 4,
    read: readIdentifier,
    write: (id, writer) => {
      writer.u32(id.bits);
    },
    showEntry: formatIp,
  }),
  extendedCommunities: extendedCommunitiesRow,
  as4Path: as4PathRow,
  as4Aggregator: aggregatorRow(18, 'RFC 6793 §4.2.2'),
  largeCommunities: largeCommunitiesRow,
  onlyToCustomer: numberAttribute({ code: 35, rfc: 'RFC 9234 §5', ...OPTIONAL_TRANSITIVE }),
} as const;

/** Names of the attributes. */
export type AttributeKind = keyof typeof ATTRIBUTES;

type ValueOf<R> = R extends AttributeRow<infer T> ? T : never;

/** An optional transitive attribute that Muslin doesn't know and passes on (RFC 4271 §9). */
export interface UnknownAttribute {
  readonly flags: number;
  readonly code: number;
  readonly bytes: Uint8Array;
}

/** The properties of a route: one optional field per row, and what is unknown. */
export type PathAttributes = {
  readonly [K in AttributeKind]?: ValueOf<(typeof ATTRIBUTES)[K]>;
} & { readonly unknown?: readonly UnknownAttribute[] };

/** Kinds in the order of their codes. */
export const ATTRIBUTE_KINDS = Object.keys(ATTRIBUTES) as readonly AttributeKind[];

const kinds: (AttributeKind | undefined)[] = [];
for (const kind of ATTRIBUTE_KINDS) kinds[ATTRIBUTES[kind].code] = kind;

/** The attribute with this code, when Muslin knows it. */
export function attributeKind(code: number): AttributeKind | undefined {
  return kinds[code];
}

/** The row of a kind, its value type erased. */
export function attributeRow(kind: AttributeKind): AttributeRow<unknown> {
  return ATTRIBUTES[kind] as AttributeRow<unknown>;
}

/** Flag bits of an attribute header (RFC 4271 §4.3). */
export const FLAG = { optional: 0x80, transitive: 0x40, partial: 0x20, extended: 0x10 } as const;

/** Writes one attribute: flags, code, length, value. */
export function writeAttribute(writer: ByteWriter, flags: number, code: number, value: Uint8Array): void {
  const long = value.length > 255;
  writer.u8((flags & 0xe0) | (long ? FLAG.extended : 0)).u8(code);
  if (long) writer.u16(value.length);
  else writer.u8(value.length);
  writer.bytes(value);
}

/** Writes all attributes in the order of their codes; unknown ones come last. */
export function writeAttributes(writer: ByteWriter, attributes: PathAttributes, options: WireOptions): void {
  const written = options.fourOctetAs ? attributes : withFourOctetCopies(attributes);
  for (const kind of ATTRIBUTE_KINDS) {
    const value = written[kind];
    if (value === undefined) continue;
    const row = attributeRow(kind);
    const flags = (row.optional ? FLAG.optional : 0) | (row.transitive ? FLAG.transitive : 0);
    writeRow(writer, flags, row, value, options);
  }
  for (const attr of attributes.unknown ?? []) writeAttribute(writer, attr.flags, attr.code, attr.bytes);
}

/** Writes a value in place; its length is put in afterwards, in two octets only when it needs them. */
function writeRow(
  writer: ByteWriter,
  flags: number,
  row: AttributeRow<unknown>,
  value: unknown,
  options: WireOptions,
): void {
  const start = writer.length;
  writer.u8(flags).u8(row.code).u8(0);
  row.encode(value, writer, options);
  const length = writer.length - start - 3;
  if (length <= 255) {
    writer.patch8(start + 2, length);
    return;
  }
  const all = writer.u8(0).view();
  all.copyWithin(start + 4, start + 3, all.length - 1);
  writer.patch8(start, flags | FLAG.extended);
  writer.patch16(start + 2, length);
}

/** Adds AS4_PATH and AS4_AGGREGATOR where a two-octet speaker only sees AS_TRANS (RFC 6793 §4.2.2). */
function withFourOctetCopies(attributes: PathAttributes): PathAttributes {
  const { asPath, aggregator } = attributes;
  return {
    ...attributes,
    // Confederation segments must not be in AS4_PATH.
    ...(asPath !== undefined &&
      needsFourOctets(asPath) && { as4Path: asPath.filter(s => !s.kind.startsWith('confed')) }),
    ...(aggregator !== undefined && aggregator.asNumber > 0xffff && { as4Aggregator: aggregator }),
  };
}

/** One line per attribute, `name: value`, for people. */
export function showAttributes(attributes: PathAttributes): string[] {
  const lines: string[] = [];
  for (const kind of ATTRIBUTE_KINDS) {
    const value = attributes[kind];
    if (value !== undefined) lines.push(`${kind}: ${attributeRow(kind).show(value)}`);
  }
  for (const attr of attributes.unknown ?? [])
    lines.push(`attribute ${attr.code}: ${attr.bytes.length} octets`);
  return lines;
}
