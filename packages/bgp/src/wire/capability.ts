import { ByteReader, ByteWriter } from '@muslin/net';
import { familyOfCodes, familyRow, type RouteFamily } from './route-family.ts';
import { utf8Bytes, utf8Text } from './utf8.ts';

/** AFI and SAFI as numbers: peers may name families that Muslin doesn't carry. */
export interface FamilyCodes {
  readonly afi: number;
  readonly safi: number;
}

/** One capability row: code point, where it stands, and its bytes. `decode` gives undefined for malformed bytes. */
interface CapabilityRow<T> {
  readonly code: number;
  readonly rfc: string;
  /** Only for display: malformed ones count as unknown, and cost no session. */
  readonly display?: true;
  readonly decode: (reader: ByteReader) => T | undefined;
  readonly encode: (value: T, writer: ByteWriter) => void;
}

const row = <T>(r: CapabilityRow<T>): CapabilityRow<T> => r;

const flag = (code: number, rfc: string): CapabilityRow<true> =>
  row<true>({ code, rfc, decode: reader => (reader.left === 0 ? true : undefined), encode: () => {} });

function many<T>(reader: ByteReader, read: () => T): T[] {
  const list: T[] = [];
  while (reader.left > 0 && !reader.overrun) list.push(read());
  return list;
}

/** How a peer's roles relate to a session (RFC 9234 §4.1), in the order of their codes. */
export const ROLES = ['provider', 'rs', 'rs-client', 'customer', 'peer'] as const;
/** A BGP role. */
export type Role = (typeof ROLES)[number];

/** RFC 4724 §3, with the N bit of RFC 8538 §2. Times in seconds. */
export interface GracefulRestart {
  readonly restarting: boolean;
  readonly notification: boolean;
  readonly restartTime: number;
  readonly families: readonly (FamilyCodes & { readonly forwarding: boolean })[];
}

/** RFC 9494 §4.1. Times in seconds. */
export interface LongLivedRestart extends FamilyCodes {
  readonly forwarding: boolean;
  readonly staleTime: number;
}

/** RFC 7911 §4: 1 receive, 2 send, 3 both. */
export interface AddPathMode extends FamilyCodes {
  readonly mode: number;
}

/** RFC 8950 §4. */
export interface ExtendedNextHop extends FamilyCodes {
  readonly nextHopAfi: number;
}

/** Every capability that Muslin reads and writes. */
export const CAPABILITIES = {
  multiprotocol: row<FamilyCodes>({
    code: 1,
    rfc: 'RFC 4760 §8',
    decode: reader => {
      const afi = reader.u16();
      reader.u8();
      return { afi, safi: reader.u8() };
    },
    encode: (value, writer) => {
      writer.u16(value.afi).u8(0).u8(value.safi);
    },
  }),
  routeRefresh: flag(2, 'RFC 2918 §2'),
  extendedNextHop: row<readonly ExtendedNextHop[]>({
    code: 5,
    rfc: 'RFC 8950 §4',
    decode: reader =>
      many(reader, () => ({ afi: reader.u16(), safi: reader.u16(), nextHopAfi: reader.u16() })),
    encode: (value, writer) => {
      for (const v of value) writer.u16(v.afi).u16(v.safi).u16(v.nextHopAfi);
    },
  }),
  extendedMessage: flag(6, 'RFC 8654 §3'),
  role: row<number>({
    code: 9,
    rfc: 'RFC 9234 §4.1',
    decode: reader => reader.u8(),
    encode: (value, writer) => {
      writer.u8(value);
    },
  }),
  gracefulRestart: row<GracefulRestart>({
    code: 64,
    rfc: 'RFC 4724 §3, RFC 8538 §2',
    decode: reader => {
      const head = reader.u16();
      const families = many(reader, () => ({
        afi: reader.u16(),
        safi: reader.u8(),
        forwarding: (reader.u8() & 0x80) !== 0,
      }));
      const restarting = (head & 0x8000) !== 0;
      return { restarting, notification: (head & 0x4000) !== 0, restartTime: head & 0xfff, families };
    },
    encode: (value, writer) => {
      const bits = (value.restarting ? 0x8000 : 0) | (value.notification ? 0x4000 : 0);
      writer.u16(bits | (value.restartTime & 0xfff));
      for (const f of value.families)
        writer
          .u16(f.afi)
          .u8(f.safi)
          .u8(f.forwarding ? 0x80 : 0);
    },
  }),
  fourOctetAs: row<number>({
    code: 65,
    rfc: 'RFC 6793 §3',
    decode: reader => reader.u32(),
    encode: (value, writer) => {
      writer.u32(value);
    },
  }),
  addPath: row<readonly AddPathMode[]>({
    code: 69,
    rfc: 'RFC 7911 §4',
    decode: reader => many(reader, () => ({ afi: reader.u16(), safi: reader.u8(), mode: reader.u8() })),
    encode: (value, writer) => {
      for (const v of value) writer.u16(v.afi).u8(v.safi).u8(v.mode);
    },
  }),
  enhancedRefresh: flag(70, 'RFC 7313 §3.1'),
  longLivedRestart: row<readonly LongLivedRestart[]>({
    code: 71,
    rfc: 'RFC 9494 §4.1',
    decode: reader =>
      many(reader, () => {
        const afi = reader.u16();
        const safi = reader.u8();
        const forwarding = (reader.u8() & 0x80) !== 0;
        return { afi, safi, forwarding, staleTime: (reader.u8() << 16) | reader.u16() };
      }),
    encode: (value, writer) => {
      for (const v of value) {
        writer
          .u16(v.afi)
          .u8(v.safi)
          .u8(v.forwarding ? 0x80 : 0);
        writer.u8(v.staleTime >>> 16).u16(v.staleTime & 0xffff);
      }
    },
  }),
  hostName: row<{ readonly host: string; readonly domain: string }>({
    code: 73,
    rfc: 'draft-walton-bgp-hostname-capability',
    display: true,
    decode: reader => ({
      host: utf8Text(reader.take(reader.u8())),
      domain: reader.left > 0 ? utf8Text(reader.take(reader.u8())) : '',
    }),
    encode: (value, writer) => {
      for (const text of [value.host, value.domain]) {
        const bytes = utf8Bytes(text, 64);
        writer.u8(bytes.length).bytes(bytes);
      }
    },
  }),
} as const;

/** Names of the capabilities that Muslin knows. */
export type CapabilityKind = keyof typeof CAPABILITIES;

type ValueOf<R> = R extends CapabilityRow<infer T> ? T : never;

/** A capability: one variant per row, and `unknown` for the rest, kept as bytes (RFC 5492 §4). */
export type Capability =
  | {
      [K in CapabilityKind]: { readonly kind: K; readonly value: ValueOf<(typeof CAPABILITIES)[K]> };
    }[CapabilityKind]
  | { readonly kind: 'unknown'; readonly code: number; readonly value: Uint8Array };

const kindOfCode = new Map<number, CapabilityKind>(
  (Object.keys(CAPABILITIES) as CapabilityKind[]).map(kind => [CAPABILITIES[kind].code, kind]),
);

/** Reads one capability's value; undefined when a known one is malformed. */
export function decodeCapability(code: number, bytes: Uint8Array): Capability | undefined {
  const kind = kindOfCode.get(code);
  if (kind === undefined) return { kind: 'unknown', code, value: bytes.slice() };
  const reader = new ByteReader(bytes);
  const known = CAPABILITIES[kind] as CapabilityRow<unknown>;
  const value = known.decode(reader);
  if (value !== undefined && !reader.overrun && reader.left === 0) return { kind, value } as Capability;
  return known.display ? { kind: 'unknown', code, value: bytes.slice() } : undefined;
}

/** Writes one capability with its code and length (RFC 5492 §4). */
export function encodeCapability(capability: Capability): Uint8Array {
  const body = new ByteWriter(16);
  if (capability.kind === 'unknown') body.bytes(capability.value);
  else (CAPABILITIES[capability.kind] as CapabilityRow<unknown>).encode(capability.value, body);
  const code = capability.kind === 'unknown' ? capability.code : CAPABILITIES[capability.kind].code;
  return new ByteWriter(2 + body.length).u8(code).u8(body.length).bytes(body.view()).finish();
}

/** The first capability of a kind. */
export function findCapability<K extends CapabilityKind>(
  list: readonly Capability[],
  kind: K,
): ValueOf<(typeof CAPABILITIES)[K]> | undefined {
  return list.find(c => c.kind === kind)?.value as ValueOf<(typeof CAPABILITIES)[K]> | undefined;
}

/** All values of a kind, in the order of the OPEN. */
export function allCapabilities<K extends CapabilityKind>(
  list: readonly Capability[],
  kind: K,
): ValueOf<(typeof CAPABILITIES)[K]>[] {
  return list.flatMap(c => (c.kind === kind ? [c.value as ValueOf<(typeof CAPABILITIES)[K]>] : []));
}

/** The families offered by the multiprotocol capabilities of an OPEN; IPv4 unicast when there is none (RFC 4760 §8). */
export function offeredFamilies(list: readonly Capability[]): RouteFamily[] {
  const offers = list.filter(c => c.kind === 'multiprotocol');
  if (offers.length === 0) return ['ipv4-unicast'];
  return offers.flatMap(c => familyOfCodes(c.value.afi, c.value.safi) ?? []);
}

/** AFI and SAFI of a family. */
export function codesOf(family: RouteFamily): FamilyCodes {
  const { afi, safi } = familyRow(family);
  return { afi, safi };
}
