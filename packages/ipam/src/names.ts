import { formatPrefix, type Prefix } from '@muslin/net';
import { hash32 } from './hash.ts';

/** Name of an IPAMBlock: `10-244-0-0-26` for 10.244.0.0/26, as Calico derives it. */
export function blockName(cidr: Prefix): string {
  return formatPrefix(cidr).replace(/[.:/]/g, '-');
}

/** Name of a BlockAffinity: `<node>-10-244-0-0-26`. */
export function affinityName(owner: string, cidr: Prefix): string {
  return objectName(`${owner}-${blockName(cidr)}`);
}

/** Name of an IPAMHandle: the handle ID in lower case, made fit for an object name. */
export function handleName(handleId: string): string {
  return objectName(handleId);
}

/** Longest object name (RFC 1123 subdomain). */
const LONGEST = 253;

/**
 * Lower case, and nothing but what an RFC 1123 subdomain allows. What had to be changed beyond its case, or was too
 * long, gets a hash of the original at its end, so that two different texts keep two names.
 */
function objectName(text: string): string {
  const lower = text.toLowerCase();
  const clean = lower.replace(/[^a-z0-9.-]/g, '-').replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  if (clean !== '' && clean === lower && clean.length <= LONGEST) return clean;
  const tail = hash32(text).toString(16).padStart(8, '0');
  return clean === '' ? tail : `${clean.slice(0, LONGEST - tail.length - 1)}-${tail}`;
}
