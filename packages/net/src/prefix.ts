import {
  type AddressFault,
  type Family,
  formatIp,
  type Ip,
  ip4,
  ip6,
  compareIp,
  parseIp,
  widthOf,
} from './ip.ts';
import { fail, ok, type Result } from './result.ts';

/** An IP prefix. `ip` has no bits set beyond `length` (made by `prefix` or `parsePrefix`). */
export interface Prefix {
  readonly ip: Ip;
  /** 0–32 for IPv4, 0–128 for IPv6. */
  readonly length: number;
}

/** The prefix of `length` bits that holds `ip`; host bits are cleared. */
export function prefix(ip: Ip, length: number): Prefix {
  return { ip: maskIp(ip, length), length };
}

/** The /32 or /128 of one address. */
export function hostPrefix(ip: Ip): Prefix {
  return { ip, length: widthOf(ip.family) };
}

function maskWord(word: number, bits: number): number {
  return bits <= 0 ? 0 : bits >= 32 ? word : (word & (-1 << (32 - bits))) >>> 0;
}

/** Clears all bits of `ip` after the first `length`. */
export function maskIp(ip: Ip, length: number): Ip {
  if (ip.family === 4) return ip4(maskWord(ip.bits, length));
  const [a, b, c, d] = ip.words;
  return ip6(
    maskWord(a, length),
    maskWord(b, length - 32),
    maskWord(c, length - 64),
    maskWord(d, length - 96),
  );
}

/**
 * Parses `address/length`. Host bits are cleared, as old API servers stored `10.1.2.3/8`;
 * with `strict` they are a fault. A bare address is refused unless `bareHost` is given.
 */
export function parsePrefix(
  text: string,
  options: { readonly strict?: boolean; readonly bareHost?: boolean } = {},
): Result<Prefix, AddressFault> {
  const slash = text.indexOf('/');
  const bad = (why: string, code: AddressFault['code'] = 'not-a-prefix') =>
    fail({ code, text, message: `${JSON.stringify(text)} ${why}` });
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (!ip.ok) return bad('is not an IP prefix (such as 10.0.0.0/8)');
  if (slash < 0) return options.bareHost ? ok(hostPrefix(ip.value)) : bad('lacks a prefix length');
  const digits = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(digits) || Number(digits) > widthOf(ip.value.family))
    return bad(`needs a prefix length of 0 to ${widthOf(ip.value.family)}`);
  const value = prefix(ip.value, Number(digits));
  if (options.strict && compareIp(value.ip, ip.value) !== 0)
    return bad(`has bits set beyond the prefix length: write ${formatPrefix(value)}`, 'host-bits-set');
  return ok(value);
}

/** Like `parsePrefix` for text that is known to be good; throws on a bug. A bare address is a host prefix. */
export function mustPrefix(text: string): Prefix {
  const parsed = parsePrefix(text, { bareHost: true });
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

/** Canonical text `address/length`. */
export function formatPrefix(p: Prefix): string {
  return `${formatIp(p.ip)}/${p.length}`;
}

/** The family of a prefix. */
export function familyOf(p: Prefix): Family {
  return p.ip.family;
}

/** Whether the prefix holds the address. */
export function prefixHas(p: Prefix, ip: Ip): boolean {
  if (p.ip.family === 4) return ip.family === 4 && maskWord(ip.bits, p.length) === p.ip.bits;
  return ip.family === 6 && compareIp(maskIp(ip, p.length), p.ip) === 0;
}

/** Whether every address of `inner` is in `outer` (equal prefixes cover each other). */
export function prefixCovers(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && prefixHas(outer, inner.ip);
}

/** Whether the two prefixes share an address. */
export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? prefixHas(a, b.ip) : prefixHas(b, a.ip);
}

/** Whether the two are the same prefix. */
export function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.length === b.length && compareIp(a.ip, b.ip) === 0;
}

/** Orders by family, address, then shorter length first. */
export function comparePrefix(a: Prefix, b: Prefix): number {
  return compareIp(a.ip, b.ip) || a.length - b.length;
}

/** Number of addresses; Infinity from 2^53 on. */
export function prefixSize(p: Prefix): number {
  const bits = widthOf(p.ip.family) - p.length;
  return bits > 53 ? Number.POSITIVE_INFINITY : 2 ** bits;
}

/** Bit `index` (0 = most significant) of an address. */
export function bitOf(ip: Ip, index: number): 0 | 1 {
  const word = ip.family === 4 ? ip.bits : (ip.words[index >>> 5] as number);
  return ((word >>> (31 - (index & 31))) & 1) as 0 | 1;
}
