import { fail, ok, type Prefix, parsePrefix, type Result } from '@muslin/net';
import type { SpecFault } from './stored.ts';

/** Fields of a stored object's spec, before they are believed. */
export type RawSpec = Readonly<Record<string, unknown>>;

/** The complaint about one field. */
export function badField(field: string, why: string): { readonly ok: false; readonly fault: SpecFault } {
  return fail({ code: 'unreadable', field: `spec.${field}`, message: `spec.${field} ${why}` });
}

/** The spec as a mapping. */
export function rawSpec(spec: unknown): Result<RawSpec, SpecFault> {
  return isMapping(spec)
    ? ok(spec)
    : fail({ code: 'unreadable', field: 'spec', message: 'spec is not a mapping' });
}

/** `spec.cidr`: a prefix without host bits. */
export function cidrField(spec: RawSpec): Result<Prefix, SpecFault> {
  const text = spec['cidr'];
  if (typeof text !== 'string') return badField('cidr', 'is missing');
  const cidr = parsePrefix(text, { strict: true });
  return cidr.ok ? cidr : badField('cidr', `is not a block: ${cidr.fault.message}`);
}

/** Whether a value is a JSON object. */
export function isMapping(value: unknown): value is RawSpec {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON object whose values are all texts; others are left out. */
export function textsIn(value: unknown): Record<string, string> {
  if (!isMapping(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
