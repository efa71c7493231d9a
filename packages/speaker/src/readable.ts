import { formatIp, formatPrefix, type Ip, type Prefix } from '@muslin/net';

/** A value as people read it in JSON: addresses and prefixes as text, whatever they are in. */
export function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (value instanceof Map) return readable(Object.fromEntries(value));
  if (typeof value !== 'object' || value === null) return value;
  if (isIp(value)) return formatIp(value);
  if (isPrefix(value)) return formatPrefix(value);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, readable(part)]));
}

function isIp(value: object): value is Ip {
  const { family } = value as { readonly family?: unknown };
  return (family === 4 && 'bits' in value) || (family === 6 && 'words' in value);
}

function isPrefix(value: object): value is Prefix {
  const { ip, length } = value as { readonly ip?: unknown; readonly length?: unknown };
  return typeof length === 'number' && typeof ip === 'object' && ip !== null && isIp(ip);
}
