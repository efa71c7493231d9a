import {
  type ByteWriter,
  fail,
  formatIp,
  type Ip,
  type Ip6,
  ipFromBytes,
  ok,
  type Result,
} from '@muslin/net';
import { badLength, attribute, WELL_KNOWN } from './attribute-row.ts';

/** Where packets go; `linkLocal` is the second address that IPv6 peers on one link send along (RFC 2545 §3). */
export interface NextHop {
  readonly ip: Ip;
  readonly linkLocal?: Ip6;
}

/** `10.0.0.1`, `fd00::1` or `fd00::1 (fe80::1)`. */
export function showNextHop(hop: NextHop): string {
  return formatIp(hop.ip) + (hop.linkLocal === undefined ? '' : ` (${formatIp(hop.linkLocal)})`);
}

/**
 * Reads a next hop of 4, 16 or 32 octets (RFC 4271 §5.1.3, RFC 2545 §3, RFC 8950 §3). A speaker without a global address
 * has none to put first; BIRD then writes `::` before the link-local one, which is the next hop.
 */
export function nextHopFromBytes(bytes: Uint8Array): Result<NextHop, string> {
  const ip = ipFromBytes(bytes.length === 32 ? bytes.subarray(0, 16) : bytes);
  if (ip === undefined) return badLength(bytes, '4, 16 or 32');
  const second = bytes.length === 32 ? ipFromBytes(bytes.subarray(16)) : undefined;
  const linkLocal = second?.family === 6 && isLinkLocal(second) ? second : undefined;
  if (linkLocal !== undefined && isUnspecified(ip)) return ok({ ip: linkLocal });
  const wrong = hostFault(ip);
  if (wrong !== undefined) return fail(`is ${formatIp(ip)}, ${wrong}`);
  return ok(linkLocal === undefined ? { ip } : { ip, linkLocal });
}

/** Writes a next hop as in MP_REACH_NLRI: 4, 16 or 32 octets. */
export function writeNextHop(hop: NextHop, writer: ByteWriter): void {
  writeIp(hop.ip, writer);
  if (hop.linkLocal !== undefined) writeIp(hop.linkLocal, writer);
}

function writeIp(ip: Ip, writer: ByteWriter): void {
  if (ip.family === 4) writer.u32(ip.bits);
  else for (const word of ip.words) writer.u32(word);
}

/** Whether an address means something on one link only (RFC 4291 §2.5.6). */
export function isLinkLocal(ip: Ip): boolean {
  return ip.family === 6 && (ip.words[0] & 0xffc00000) >>> 0 === 0xfe800000;
}

function isUnspecified(ip: Ip): boolean {
  return ip.family === 6 && ip.words.every(word => word === 0);
}

function hostFault(ip: Ip): string | undefined {
  if (ip.family === 4) {
    const top = ip.bits >>> 24;
    if (top === 0 || top === 127 || top >= 224) return 'no address of a host';
    return undefined;
  }
  const [a, b, c, d] = ip.words;
  if (a >>> 24 === 0xff) return 'a multicast address';
  if (a === 0 && b === 0 && c === 0 && d <= 1) return 'no address of a host';
  return undefined;
}

/**
 * NEXT_HOP (code 3). On the wire only IPv4 routes carry it, with 4 octets; Muslin's own stored attribute
 * sets keep the next hop of every family here.
 */
export const nextHopRow = attribute<NextHop>({
  code: 3,
  rfc: 'RFC 4271 §5.1.3, RFC 7606 §7.3',
  ...WELL_KNOWN,
  malformed: 'withdraw',
  decode: bytes => nextHopFromBytes(bytes),
  encode: writeNextHop,
  show: showNextHop,
});
