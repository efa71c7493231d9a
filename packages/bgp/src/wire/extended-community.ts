import { fail, formatIp, ip4, ok, parseIp, type Result } from '@muslin/net';
import { listAttribute, OPTIONAL_TRANSITIVE } from './attribute-row.ts';

/** An extended community: its eight octets as two words (RFC 4360 §2). */
export type ExtendedCommunity = readonly [number, number];

/** How the six octets after type and subtype are cut (RFC 4360 §3). */
type Layout = 'as2' | 'ipv4' | 'as4' | 'bandwidth';

interface TypeRow {
  readonly name: string;
  /** The first two octets: type with its T bit, and subtype. */
  readonly type: number;
  readonly layout: Layout;
  readonly rfc: string;
}

/** One row per extended community that has a name; all others are shown as hexadecimal digits. */
export const EXTENDED_COMMUNITY_TYPES: readonly TypeRow[] = [
  { name: 'rt', type: 0x0002, layout: 'as2', rfc: 'RFC 4360 §4' },
  { name: 'rt', type: 0x0102, layout: 'ipv4', rfc: 'RFC 4360 §4' },
  { name: 'rt', type: 0x0202, layout: 'as4', rfc: 'RFC 5668 §2' },
  { name: 'ro', type: 0x0003, layout: 'as2', rfc: 'RFC 4360 §5' },
  { name: 'ro', type: 0x0103, layout: 'ipv4', rfc: 'RFC 4360 §5' },
  { name: 'ro', type: 0x0203, layout: 'as4', rfc: 'RFC 5668 §2' },
  { name: 'bandwidth', type: 0x4004, layout: 'bandwidth', rfc: 'draft-ietf-idr-link-bandwidth' },
  { name: 'transitive-bandwidth', type: 0x0004, layout: 'bandwidth', rfc: 'draft-ietf-idr-link-bandwidth' },
];

const rowOfType = new Map(EXTENDED_COMMUNITY_TYPES.map(row => [row.type, row]));
const float = new DataView(new ArrayBuffer(4));

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

/** The bandwidth in bytes per second of a link-bandwidth community, else undefined (draft-ietf-idr-link-bandwidth). */
export function linkBandwidth([high, low]: ExtendedCommunity): number | undefined {
  if (rowOfType.get(high >>> 16)?.layout !== 'bandwidth') return undefined;
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

/** `rt:64512:7`, `ro:10.0.0.1:7`, `rt:4200000000:7`, `bandwidth:64512:1250000`, or `0x` and sixteen digits. */
export function showExtendedCommunity(value: ExtendedCommunity): string {
  const [high, low] = value;
  const row = rowOfType.get(high >>> 16);
  const digits = `0x${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`;
  if (row === undefined) return digits;
  const middle = (((high & 0xffff) << 16) | (low >>> 16)) >>> 0;
  switch (row.layout) {
    case 'as2':
      return `${row.name}:${high & 0xffff}:${low}`;
    case 'ipv4':
      return `${row.name}:${formatIp(ip4(middle))}:${low & 0xffff}`;
    case 'as4':
      // A small number would look like the two-octet form, which is another community.
      return middle > 0xffff ? `${row.name}:${middle}:${low & 0xffff}` : digits;
    case 'bandwidth': {
      const rate = linkBandwidth(value);
      return rate === undefined ? digits : `${row.name}:${high & 0xffff}:${rate}`;
    }
    default:
      return row.layout satisfies never;
  }
}

/** Reads what `showExtendedCommunity` writes. */
export function parseExtendedCommunity(text: string): Result<ExtendedCommunity, string> {
  const wrong = fail(
    `${JSON.stringify(text)} is no extended community: write rt:65000:1, rt:10.0.0.1:1, ro:65000:1, bandwidth:65000:1250000 or 0x and 16 hexadecimal digits`,
  );
  if (/^0x[0-9a-f]{16}$/i.test(text)) {
    return ok([Number.parseInt(text.slice(2, 10), 16), Number.parseInt(text.slice(10), 16)]);
  }
  const [name, first = '', last = '', ...more] = text.split(':');
  const number = (part: string) => (/^(0|[1-9][0-9]*)$/.test(part) ? Number(part) : Number.NaN);
  const as = number(first);
  const layout: Layout = name?.endsWith('bandwidth')
    ? 'bandwidth'
    : first.includes('.')
      ? 'ipv4'
      : as > 0xffff
        ? 'as4'
        : 'as2';
  const row = EXTENDED_COMMUNITY_TYPES.find(r => r.name === name && r.layout === layout);
  if (row === undefined || more.length > 0) return wrong;
  const type = row.type * 0x10000;
  if (layout === 'bandwidth') {
    const rate = /^\d+(\.\d+)?(e\+?\d+)?$/.test(last) ? Number(last) : Number.NaN;
    if (!(as <= 0xffff && Number.isFinite(Math.fround(rate)))) return wrong;
    return ok([type + as, linkBandwidthCommunity(as, rate)[1]]);
  }
  const value = number(last);
  if (layout === 'as2') return as <= 0xffff && value <= 0xffffffff ? ok([type + as, value]) : wrong;
  const ip = layout === 'ipv4' ? parseIp(first) : undefined;
  const middle = layout === 'as4' ? as : ip?.ok && ip.value.family === 4 ? ip.value.bits : Number.NaN;
  if (!(middle <= 0xffffffff && value <= 0xffff)) return wrong;
  return ok([type + (middle >>> 16), (((middle & 0xffff) << 16) | value) >>> 0]);
}
