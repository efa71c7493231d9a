import {
  fieldInvalid,
  fieldRequired,
  fieldTooLong,
  fieldTooMany,
  fieldTypeInvalid,
  fieldUnsupported,
} from '../field-error.ts';
import { isList, isObject, type Json, type JsonObject, sameJson } from '../json.ts';
import type { Cause } from '../status.ts';
import { enforcedFormat, hasFormat } from './format.ts';
import { partnerOf } from './list-type.ts';
import { fieldSchema, type Schema } from './schema.ts';

/**
 * Every breach of a structural schema, worded as apiextensions does. A value of a wrong type is held to the rest of its schema
 * as well. `path` is '' at the root.
 * @param old the value before an update: what it left alone may stay as it is (KEP-4008, ratcheting)
 */
export function validate(value: Json, schema: Schema, path = '', old?: Json): readonly Cause[] {
  const causes: Cause[] = [];
  check(value, schema, path, causes, old);
  return causes;
}

function check(value: Json, schema: Schema, path: string, causes: Cause[], old: Json | undefined): void {
  if (old !== undefined && sameJson(value, old)) return;
  checkType(value, schema, path, causes);
  if (value !== null) checkJunctors(value, schema, path, causes);
  if (typeof value === 'string') checkText(value, schema, path, causes);
  else if (typeof value === 'number' || typeof value === 'bigint') checkNumber(value, schema, path, causes);
  else if (isList(value)) checkList(value, schema, path, causes, old);
  if (schema.enum !== undefined && !schema.enum.some(allowed => sameJson(allowed, value))) {
    causes.push(fieldUnsupported(path, value, schema.enum));
  }
  if (isObject(value)) checkObject(value, schema, path, causes, old);
}

/** A breach that the real server tells without the field that it is at. */
function atNowhere(why: string): Cause {
  return fieldInvalid('<nil>', '', why);
}

const TEXTUAL = new Set(['string', 'array']);

function checkType(value: Json, schema: Schema, path: string, causes: Cause[]): void {
  const types = schema['x-kubernetes-int-or-string'] ? ['integer', 'string'] : [schema.type ?? ''];
  if (types[0] === '') return;
  const wrong = (want: string, got: string) =>
    causes.push(
      fieldTypeInvalid(
        path === '' ? '<nil>' : path,
        got,
        `${path} in body must be of type ${want}: "${got}"`,
      ),
    );
  if (value === null) {
    if (schema.nullable !== true) wrong(types.join(','), 'null');
    return;
  }
  const { type, form } = shapeOf(value);
  const whole = type === 'number' && Number.isSafeInteger(value) && types.includes('integer');
  const fits = types.includes(type) || whole || (type === 'integer' && types.includes('number'));
  const format = enforcedFormat(schema['x-kubernetes-int-or-string'] ? '' : schema.type, schema.format);
  if (fits) return;
  if (!TEXTUAL.has(type) && format !== '') wrong(format, form);
  else if (format === '' || types.includes('number') || types.includes('integer'))
    wrong(types.join(','), type);
}

/** The JSON type of a value, and the format that Go would hold it in. */
function shapeOf(value: Exclude<Json, null>): { readonly type: string; readonly form: string } {
  if (isList(value)) return { type: 'array', form: '' };
  if (typeof value === 'bigint')
    return BigInt.asIntN(64, value) === value
      ? { type: 'integer', form: 'int64' }
      : { type: 'number', form: 'float64' };
  if (typeof value === 'number')
    return Number.isSafeInteger(value)
      ? { type: 'integer', form: 'int64' }
      : { type: 'number', form: 'float64' };
  return { type: typeof value, form: '' };
}

function checkText(value: string, schema: Schema, path: string, causes: Cause[]): void {
  const { maxLength, minLength, pattern, format } = schema;
  if (maxLength !== undefined && [...value].length > maxLength) causes.push(fieldTooLong(path, maxLength));
  else if (minLength !== undefined && [...value].length < minLength) {
    causes.push(fieldInvalid(path, value, `${path} in body should be at least ${minLength} chars long`));
  } else if (pattern !== undefined && !matcher(pattern).test(value)) {
    causes.push(fieldInvalid(path, value, `${path} in body should match '${pattern}'`));
  }
  if (format !== undefined && !hasFormat(value, format)) {
    causes.push(
      fieldTypeInvalid(path, value, `${path} in body must be of type ${format}: ${JSON.stringify(value)}`),
    );
  }
}

const matchers = new Map<string, RegExp>();
/** RE2 patterns are a subset of ours but for inline flags and `\z`, which nobody writes in a CRD. */
function matcher(pattern: string): RegExp {
  let found = matchers.get(pattern);
  if (found === undefined) {
    found = new RegExp(pattern, 'u');
    matchers.set(pattern, found);
  }
  return found;
}

function checkNumber(given: number | bigint, schema: Schema, path: string, causes: Cause[]): void {
  const value = Number(given);
  const say = (why: string) => causes.push(fieldInvalid(path, value, `${path} in body should be ${why}`));
  const { minimum, maximum, multipleOf } = schema;
  if (schema.type === 'integer') {
    const format = enforcedFormat('integer', schema.format);
    const whole = shapeOf(given).type === 'integer';
    if (!whole || (format === 'int32' && (value < -(2 ** 31) || value > 2 ** 31 - 1))) {
      const form = format === '' ? '(default format)' : `with format ${format}`;
      causes.push(atNowhere(`Checked value must be of type integer ${form} in ${path}`));
    }
  }
  if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum)) {
    say(schema.exclusiveMaximum ? `less than ${maximum}` : `less than or equal to ${maximum}`);
  }
  if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum)) {
    say(schema.exclusiveMinimum ? `greater than ${minimum}` : `greater than or equal to ${minimum}`);
  }
  if (multipleOf !== undefined && value % multipleOf !== 0) say(`a multiple of ${multipleOf}`);
}

function checkList(
  value: readonly Json[],
  schema: Schema,
  path: string,
  causes: Cause[],
  old: Json | undefined,
): void {
  const { maxItems, minItems, items } = schema;
  if (items !== undefined)
    value.forEach((item, i) => {
      check(item, items, `${path}[${i}]`, causes, partnerOf(item, old, schema));
    });
  if (minItems !== undefined && value.length < minItems) {
    causes.push(fieldInvalid(path, value.length, `${path} in body should have at least ${minItems} items`));
  }
  if (maxItems !== undefined && value.length > maxItems)
    causes.push(fieldTooMany(path, value.length, maxItems));
  if (
    schema.uniqueItems === true &&
    value.some((item, i) => value.slice(0, i).some(other => sameJson(other, item)))
  ) {
    causes.push(fieldInvalid(path, '', `${path} in body shouldn't contain duplicates`));
  }
}

function checkObject(
  value: JsonObject,
  schema: Schema,
  path: string,
  causes: Cause[],
  old: Json | undefined,
): void {
  const names = Object.keys(value).filter(name => value[name] !== undefined);
  const below = (name: string) => (path === '' ? name : `${path}.${name}`);
  if (schema.minProperties !== undefined && names.length < schema.minProperties) {
    causes.push(
      fieldInvalid(
        path,
        names.length,
        `${path} in body should have at least ${schema.minProperties} properties`,
      ),
    );
  }
  if (schema.maxProperties !== undefined && names.length > schema.maxProperties) {
    causes.push(fieldTooMany(path, names.length, schema.maxProperties));
  }
  for (const name of names) {
    const child = fieldSchema(schema, name);
    if (child !== undefined) {
      check(value[name] as Json, child, below(name), causes, isObject(old) ? old[name] : undefined);
    }
  }
  for (const name of schema.required ?? []) {
    if (value[name] === undefined) causes.push(fieldRequired(below(name)));
  }
}

/** allOf, anyOf, oneOf and not. Of branches that all fail, the first is told. */
function checkJunctors(value: Json, schema: Schema, path: string, causes: Cause[]): void {
  const breachesOf = (branch: Schema) => validate(value, branch, path);
  const say = (why: string) => causes.push(atNowhere(`"${path}" must ${why}`));
  const any = schema.anyOf?.map(breachesOf) ?? [];
  if (any.length > 0 && any.every(breaches => breaches.length > 0)) {
    say('validate at least one schema (anyOf)');
    causes.push(...(any[0] ?? []));
  }
  const one = schema.oneOf?.map(breachesOf) ?? [];
  const valid = one.filter(breaches => breaches.length === 0).length;
  if (one.length > 0 && valid !== 1) {
    const found = valid === 0 ? 'none valid' : `${valid} valid alternatives`;
    say(`validate one and only one schema (oneOf). Found ${found}`);
    if (valid === 0) causes.push(...(one[0] ?? []));
  }
  const all = schema.allOf?.map(breachesOf) ?? [];
  const failed = all.filter(breaches => breaches.length > 0);
  causes.push(...failed.flat());
  if (failed.length > 0)
    say(`validate all the schemas (allOf)${failed.length === all.length ? '. None validated' : ''}`);
  if (schema.not !== undefined && breachesOf(schema.not).length === 0) say('not validate the schema (not)');
}
