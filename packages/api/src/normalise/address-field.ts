import { formatPrefix, ip4, type Ip, parseIp, parsePrefix, type Prefix, prefix } from '@muslin/net';
import { type Field, shown } from './field.ts';

/**
 * Reads a prefix as API servers before 1.36 stored it: host bits are cleared, leading zeros are decimal, and an
 * IPv4-mapped prefix is the IPv4 one that Go's `net` made of it. Each of these earns a warning.
 */
export function readPrefix(field: Field, options: { readonly bareHost?: boolean } = {}): Prefix | undefined {
  const text = field.text();
  if (text === undefined) return undefined;
  const strict = parsePrefix(text, { ...options, strict: true });
  if (strict.ok && !isMapped(strict.value)) return strict.value;
  const loose = parsePrefix(withoutLeadingZeros(text), options);
  if (!loose.ok) return field.invalid(`${shown(text)} is not a prefix such as 10.0.0.0/8 or fd00::/8`);
  const value = isMapped(loose.value) ? unmapped(loose.value) : loose.value;
  field.warn(`${shown(text)} is read as ${formatPrefix(value)}: write it so`);
  return value;
}

/** Reads a list of prefixes; undefined when it is empty. */
export function readPrefixes(
  items: readonly Field[],
  options: { readonly bareHost?: boolean } = {},
): Prefix[] | undefined {
  const prefixes = items.flatMap(item => readPrefix(item, options) ?? missing(item));
  return prefixes.length === 0 ? undefined : prefixes;
}

/** Reads an address, of one family if only one will do. */
export function readIp(field: Field, family?: 4 | 6): Ip | undefined {
  const text = field.text();
  if (text === undefined) return undefined;
  const ip = parseIp(text);
  if (!ip.ok) return field.invalid(ip.fault.message);
  if (family !== undefined && ip.value.family !== family)
    return field.invalid(`must be an IPv${family} address, not ${shown(text)}`);
  return ip.value;
}

/** Says that an item of a list must not be null. */
export function missing(item: Field): [] {
  if (!item.present) item.invalid('must not be null');
  return [];
}

function isMapped({ ip, length }: Prefix): boolean {
  return ip.family === 6 && length >= 96 && ip.words[0] === 0 && ip.words[1] === 0 && ip.words[2] === 0xffff;
}

function unmapped({ ip, length }: Prefix): Prefix {
  return prefix(ip4(ip.family === 6 ? ip.words[3] : ip.bits), length - 96);
}

function withoutLeadingZeros(text: string): string {
  if (text.includes(':')) return text;
  return text.replaceAll(/(^|[./])0+(?=[0-9])/g, '$1');
}
