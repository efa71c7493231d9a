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
