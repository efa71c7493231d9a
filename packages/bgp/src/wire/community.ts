import { fail, ok, type Result } from '@muslin/net';
import { listAttribute, OPTIONAL_TRANSITIVE } from './attribute-row.ts';

/** Well-known standard communities by name (RFC 1997, 7999, 8326, 9494). */
export const WELL_KNOWN_COMMUNITIES = {
  'graceful-shutdown': 0xffff0000,
  'accept-own': 0xffff0001,
  'llgr-stale': 0xffff0006,
  'no-llgr': 0xffff0007,
  blackhole: 0xffff029a,
  'no-export': 0xffffff01,
  'no-advertise': 0xffffff02,
  'no-export-subconfed': 0xffffff03,
} as const;

/** A large community: three 32-bit numbers (RFC 8092 §3). */
export type LargeCommunity = readonly [number, number, number];

/** An extended community: its eight octets as two words (RFC 4360 §2). */
export type ExtendedCommunity = readonly [number, number];

/** `65000:1` or a well-known name. */
export function showCommunity(value: number): string {
  const name = Object.entries(WELL_KNOWN_COMMUNITIES).find(([, v]) => v === value)?.[0];
  return name ?? `${value >>> 16}:${value & 0xffff}`;
}

/** COMMUNITIES (code 8). */
export const communitiesRow = listAttribute<number>({
  code: 8,
  rfc: 'RFC 1997, RFC 7606 §7.8',
  ...OPTIONAL_TRANSITIVE,
  size: 4,
  read: reader => reader.u32(),
  write: (value, writer) => {
    writer.u32(value);
  },
  showEntry: showCommunity,
});

/** EXTENDED COMMUNITIES (code 16). */
export const extendedCommunitiesRow = listAttribute<ExtendedCommunity>({
  code: 16,
  rfc: 'RFC 4360 §2, RFC 7606 §7.14',
  ...OPTIONAL_TRANSITIVE,
  size: 8,
  read: reader => [reader.u32(), reader.u32()],
  write: ([high, low], writer) => {
    writer.u32(high).u32(low);
  },
  showEntry: showExtendedCommunity,
});

/** LARGE_COMMUNITY (code 32). */
export const largeCommunitiesRow = listAttribute<LargeCommunity>({
  code: 32,
  rfc: 'RFC 8092 §3',
  ...OPTIONAL_TRANSITIVE,
  size: 12,
  read: reader => [reader.u32(), reader.u32(), reader.u32()],
  write: ([a, b, c], writer) => {
    writer.u32(a).u32(b).u32(c);
  },
  showEntry: value => value.join(':'),
});

const float = new DataView(new ArrayBuffer(4));

/** The bandwidth in bytes per second of a link-bandwidth community, else undefined (draft-ietf-idr-link-bandwidth). */
export function linkBandwidth([high, low]: ExtendedCommunity): number | undefined {
  if (high >>> 16 !== 0x4004 && high >>> 16 !== 0x0004) return undefined;
  float.setUint32(0, low);
  const value = float.getFloat32(0);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** A non-transitive link-bandwidth community; `bytesPerSecond` is rounded to a 32-bit float. */
export function linkBandwidthCommunity(asNumber: number, bytesPerSecond: number): ExtendedCommunity {
  float.setFloat32(0, bytesPerSecond);
  return [((0x4004 << 16) | (asNumber & 0xffff)) >>> 0, float.getUint32(0)];
}

/** Whether an extended community may leave the AS (RFC 4360 §2: the T bit). */
export function isTransitive([high]: ExtendedCommunity): boolean {
  return (high & 0x40000000) === 0;
}

/** `rt:64512:7`, `ro:…`, `bandwidth:…` or eight octets in hexadecimal. */
export function showExtendedCommunity(value: ExtendedCommunity): string {
  const [high, low] = value;
  const rate = linkBandwidth(value);
  if (rate !== undefined) return `bandwidth:${high & 0xffff}:${rate}`;
  const name = ({ 2: 'rt', 3: 'ro' } as Record<number, string>)[(high >>> 16) & 0xff];
  const type = (high >>> 24) & 0xbf;
  if (name !== undefined && type === 0) return `${name}:${high & 0xffff}:${low}`;
  if (name !== undefined && type === 2)
    return `${name}:${(((high & 0xffff) << 16) | (low >>> 16)) >>> 0}:${low & 0xffff}`;
  return `0x${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`;
}

/** A community as people write it: two numbers are a standard one, three a large one. */
export type Community =
  | { readonly kind: 'standard'; readonly value: number }
  | { readonly kind: 'large'; readonly value: LargeCommunity };

/** Reads `65000:1`, `65000:1:2` or a well-known name. */
export function parseCommunity(text: string): Result<Community, string> {
  const known = (WELL_KNOWN_COMMUNITIES as Readonly<Record<string, number>>)[text];
  if (known !== undefined) return ok({ kind: 'standard', value: known });
  const parts = text.split(':');
  const limit = parts.length === 2 ? 0xffff : 0xffffffff;
  const numbers = parts.map(part => (/^(0|[1-9][0-9]{0,9})$/.test(part) ? Number(part) : Number.NaN));
  const [a = 0, b = 0, c = 0] = numbers;
  if (parts.length < 2 || parts.length > 3 || numbers.some(n => !(n <= limit))) {
    return fail(
      `${JSON.stringify(text)} is no community: write 65000:1, 65000:1:2 or a name such as no-export`,
    );
  }
  if (parts.length === 3) return ok({ kind: 'large', value: [a, b, c] });
  return ok({ kind: 'standard', value: ((a << 16) | b) >>> 0 });
}
