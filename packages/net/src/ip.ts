import { fail, ok, type Result } from './result.ts';

/** Address family: 4 (RFC 791) or 6 (RFC 8200). */
export type Family = 4 | 6;

/** An IPv4 address: `bits` is the unsigned 32-bit value, network order. */
export interface Ip4 {
  readonly family: 4;
  readonly bits: number;
}

/** An IPv6 address: four unsigned 32-bit words, network order. */
export interface Ip6 {
  readonly family: 6;
  readonly words: readonly [number, number, number, number];
}

/** An IP address of either family. A value: compare with `sameIp`, key maps with `formatIp`. */
export type Ip = Ip4 | Ip6;

/** Why a text is no address or prefix. */
export interface AddressFault {
  readonly code: 'not-an-address' | 'not-a-prefix' | 'host-bits-set';
  readonly text: string;
  readonly message: string;
}

/** Number of bits in an address of this family. */
export function widthOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Makes an IPv4 address from its unsigned 32-bit value. */
export function ip4(bits: number): Ip4 {
  return { family: 4, bits: bits >>> 0 };
}

/** Makes an IPv6 address from four words. */
export function ip6(a: number, b: number, c: number, d: number): Ip6 {
  return { family: 6, words: [a >>> 0, b >>> 0, c >>> 0, d >>> 0] };
}

/**
 * Parses dotted-quad IPv4 (no leading zeros: they read as octal elsewhere) or RFC 4291 §2.2 IPv6.
 * An IPv4-mapped IPv6 address stays IPv6. Zones (`%eth0`) are refused.
 */
export function parseIp(text: string): Result<Ip, AddressFault> {
  const value = text.includes(':') ? parse6(text) : parse4(text);
  return value === undefined
    ? fail({ code: 'not-an-address', text, message: `${JSON.stringify(text)} is not an IP address` })
    : ok(value);
}

/** Like `parseIp` for text that is known to be good (literals, our own output); throws on a bug. */
export function mustIp(text: string): Ip {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

function parse4(text: string): Ip4 | undefined {
  if (text.length < 7 || text.length > 15) return undefined;
  let bits = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) {
      if (octet < 0 || ++dots > 3) return undefined;
      bits = bits * 256 + octet;
      octet = -1;
    } else if (c >= 48 && c <= 57) {
      if (octet === 0) return undefined;
      octet = octet < 0 ? c - 48 : octet * 10 + c - 48;
      if (octet > 255) return undefined;
    } else return undefined;
  }
  return dots === 3 && octet >= 0 ? ip4(bits * 256 + octet) : undefined;
}

function parse6(text: string): Ip6 | undefined {
  if (text.length > 45) return undefined;
  let body = text;
  const groups: number[] = [];
  let tail: readonly number[] = [];
  const dot = text.indexOf('.');
  if (dot >= 0) {
    const colon = text.lastIndexOf(':');
    const v4 = parse4(text.slice(colon + 1));
    if (v4 === undefined) return undefined;
    tail = [v4.bits >>> 16, v4.bits & 0xffff];
    body = text.slice(0, colon + 1);
    if (!body.endsWith('::')) body = body.slice(0, -1);
  }
  const gap = body.indexOf('::');
  if (gap >= 0 && body.indexOf('::', gap + 1) >= 0) return undefined;
  const head = parseGroups(gap < 0 ? body : body.slice(0, gap));
  const rest = gap < 0 ? [] : parseGroups(body.slice(gap + 2));
  if (head === undefined || rest === undefined) return undefined;
  const count = head.length + rest.length + tail.length;
  if (gap < 0 ? count !== 8 : count > 7) return undefined;
  groups.push(...head);
  for (let i = count; i < 8; i++) groups.push(0);
  groups.push(...rest, ...tail);
  const word = (i: number) => ((groups[2 * i] ?? 0) << 16) | (groups[2 * i + 1] ?? 0);
  return ip6(word(0), word(1), word(2), word(3));
}

function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  for (const part of text.split(':')) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
    groups.push(Number.parseInt(part, 16));
  }
  return groups;
}

/** Canonical text: dotted quad, or RFC 5952 for IPv6. */
export function formatIp(ip: Ip): string {
  if (ip.family === 4) {
    const b = ip.bits;
    return `${b >>> 24}.${(b >>> 16) & 255}.${(b >>> 8) & 255}.${b & 255}`;
  }
  const [a, b, c, d] = ip.words;
  if (a === 0 && b === 0 && c === 0xffff) return `::ffff:${formatIp(ip4(d))}`;
  const groups = [a, b, c, d].flatMap(word => [word >>> 16, word & 0xffff]);
  let best = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > length) {
      best = i;
      length = n;
    }
    i += n;
  }
  const hex = (list: number[]) => list.map(g => g.toString(16)).join(':');
  return best < 0 ? hex(groups) : `${hex(groups.slice(0, best))}::${hex(groups.slice(best + length))}`;
}

/** Orders IPv4 before IPv6, then numerically. */
export function compareIp(a: Ip, b: Ip): number {
  if (a.family === 4) return b.family === 4 ? a.bits - b.bits : -1;
  if (b.family === 4) return 1;
  for (let i = 0; i < 4; i++) {
    const diff = (a.words[i] as number) - (b.words[i] as number);
    if (diff !== 0) return diff;
  }
  return 0;
}

/** Whether two addresses are the same address of the same family. */
export function sameIp(a: Ip, b: Ip): boolean {
  return compareIp(a, b) === 0;
}

/** The address in network order: 4 or 16 bytes. */
export function ipToBytes(ip: Ip): Uint8Array {
  if (ip.family === 4) return Uint8Array.of(ip.bits >>> 24, ip.bits >>> 16, ip.bits >>> 8, ip.bits);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  ip.words.forEach((word, i) => {
    view.setUint32(i * 4, word);
  });
  return bytes;
}

/** Reads 4 or 16 bytes in network order; undefined for any other length. */
export function ipFromBytes(bytes: Uint8Array): Ip | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 4) return ip4(view.getUint32(0));
  if (bytes.length !== 16) return undefined;
  return ip6(view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12));
}

/** The address `offset` (any integer, |offset| < 2^53) after `ip`, wrapping at the end of the family. */
export function offsetIp(ip: Ip, offset: number): Ip {
  if (ip.family === 4) return ip4(Number(BigInt.asUintN(32, BigInt(ip.bits) + BigInt(offset))));
  const words = [...ip.words] as [number, number, number, number];
  let carry = BigInt(offset);
  for (let i = 3; i >= 0 && carry !== 0n; i--) {
    const sum = BigInt(words[i] as number) + carry;
    words[i] = Number(BigInt.asUintN(32, sum));
    carry = sum >> 32n;
  }
  return ip6(...words);
}

/** `b - a` when it is a safe integer of the same family, else undefined. */
export function distanceBetween(a: Ip, b: Ip): number | undefined {
  if (a.family === 4) return b.family === 4 ? b.bits - a.bits : undefined;
  if (b.family === 4) return undefined;
  const value = (ip: Ip6) => ip.words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
  const distance = Number(value(b) - value(a));
  return Number.isSafeInteger(distance) ? distance : undefined;
}
