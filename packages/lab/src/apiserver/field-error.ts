import { formatJson } from '@muslin/net';
import type { Json } from './json.ts';
import type { Cause } from './status.ts';

/** How field.Error prints a value: JSON, but a missing one as null. */
function show(value: Json | undefined): string {
  return value === undefined ? 'null' : formatJson(value);
}

export const fieldRequired = (field: string, why = ''): Cause => ({
  reason: 'FieldValueRequired',
  message: why === '' ? 'Required value' : `Required value: ${why}`,
  field,
});
/** A value that is too much to be shown: a list or an object that breaks a rule. */
export const OMITTED = Symbol('omitted');

export const fieldInvalid = (
  field: string,
  value: Json | undefined | typeof OMITTED,
  why: string,
): Cause => ({
  reason: 'FieldValueInvalid',
  message: value === OMITTED ? `Invalid value: ${why}` : `Invalid value: ${show(value)}: ${why}`,
  field,
});
export const fieldTypeInvalid = (field: string, value: Json, why: string): Cause => ({
  reason: 'FieldValueTypeInvalid',
  message: `Invalid value: ${show(value)}: ${why}`,
  field,
});
export const fieldForbidden = (field: string, why: string): Cause => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${why}`,
  field,
});
export const fieldDuplicate = (field: string, value: Json | typeof OMITTED): Cause => ({
  reason: 'FieldValueDuplicate',
  message: value === OMITTED ? 'Duplicate value' : `Duplicate value: ${show(value)}`,
  field,
});
export const fieldNotFound = (field: string, value: Json): Cause => ({
  reason: 'FieldValueNotFound',
  message: `Not found: ${show(value)}`,
  field,
});
export const fieldTooLong = (field: string, limit: number): Cause => ({
  reason: 'FieldValueTooLong',
  message: `Too long: may not be more than ${limit} bytes`,
  field,
});
export const fieldTooMany = (field: string, actual: number, limit: number): Cause => ({
  reason: 'FieldValueTooMany',
  message: `Too many: ${actual}: must have at most ${limit} ${limit === 1 ? 'item' : 'items'}`,
  field,
});
export const fieldUnsupported = (field: string, value: Json, supported: readonly Json[]): Cause => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${show(value)}: supported values: ${supported.map(shown => JSON.stringify(typeof shown === 'string' ? shown : show(shown))).join(', ')}`,
  field,
});
