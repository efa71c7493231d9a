import {
  fieldDuplicate,
  fieldInvalid,
  fieldRequired,
  fieldTooLong,
  fieldTooMany,
  fieldTypeInvalid,
  fieldUnsupported,
} from '../field-error.ts';
import { isList, isObject, type Json, type JsonObject, sameJson } from '../json.ts';
import type { Cause } from '../status.ts';
import { hasFormat } from './format.ts';
import { fieldSchema, type Schema } from './schema.ts';

/**
 * Every breach of a structural schema, worded as apiextensions does. `path` is '' at the root.
 * @param old the value before an update: what it left alone may stay as it is (KEP-4008, ratcheting)
 */
export function validate(value: Json, schema: Schema, path = '', old?: Json): readonly Cause[] {
  const causes: Cause[] = [];
  check(value, schema, path, causes, old);
  return causes;
}

function check(value: Json, schema: Schema, path: string, causes: Cause[], old: Json | undefined): void {
  if (old !== undefined && sameJson(value, old)) return;
  if (value === null) {
    if (schema.nullable !== true && (schema.type !== undefined || schema['x-kubernetes-int-or-string'])) {
      causes.push(typeError(value, schema.type ?? 'integer,string', path));
    }
    return;
  }
  if (schema['x-kubernetes-int-or-string'] === true) {
    const good = typeof value === 'string' || isWhole(value);
    if (!good) causes.push(typeError(value, 'integer,string', path));
  } else if (schema.type !== undefined && !hasType(value, schema.type)) {
    causes.push(typeError(value, schema.type, path));
    return;
  }
  if (schema.enum !== undefined && !schema.enum.some(allowed => sameJson(allowed, value))) {
    causes.push(fieldUnsupported(path, value, schema.enum));
  }
  if (typeof value === 'string') checkText(value, schema, path, causes);
  else if (typeof value === 'number' || typeof value === 'bigint')
    checkNumber(Number(value), schema, path, causes);
  else if (isList(value)) checkList(value, schema, path, causes, old);
  else if (isObject(value)) checkObject(value, schema, path, causes, old);
  checkJunctors(value, schema, path, causes);
}

function hasType(value: Json, type: string): boolean {
  switch (type) {
    case 'object':
      return isObject(value);
    case 'array':
      return isList(value);
    case 'integer':
      return isWhole(value);
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint';
    case 'string':
    case 'boolean':
      return typeof value === type;
    default:
      return true;
  }
}

const isWhole = (value: Json) => typeof value === 'bigint' || Number.isInteger(value);

function typeOf(value: Json): string {
  if (value === null) return 'null';
  if (isList(value)) return 'array';
  if (isWhole(value)) return 'integer';
  return typeof value;
}

function typeError(value: Json, want: string, path: string): Cause {
  const type = typeOf(value);
  return fieldTypeInvalid(
    path === '' ? '<nil>' : path,
    type,
    `${path} in body must be of type ${want}: "${type}"`,
  );
}

function checkText(value: string, schema: Schema, path: string, causes: Cause[]): void {
  const { maxLength, minLength, pattern, format } = schema;
  if (maxLength !== undefined && [...value].length > maxLength) causes.push(fieldTooLong(path, maxLength));
  if (minLength !== undefined && [...value].length < minLength) {
    causes.push(fieldInvalid(path, value, `${path} in body should be at least ${minLength} chars long`));
  }
  if (pattern !== undefined && !matcher(pattern).test(value)) {
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

function checkNumber(value: number, schema: Schema, path: string, causes: Cause[]): void {
  const say = (why: string) => causes.push(fieldInvalid(path, value, `${path} in body should be ${why}`));
  const { minimum, maximum, multipleOf } = schema;
  if (schema.format === 'int32' && (value < -(2 ** 31) || value > 2 ** 31 - 1)) say('a valid int32');
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
  if (maxItems !== undefined && value.length > maxItems)
    causes.push(fieldTooMany(path, value.length, maxItems));
  if (minItems !== undefined && value.length < minItems) {
    causes.push(fieldInvalid(path, value.length, `${path} in body should have at least ${minItems} items`));
  }
  if (
    schema.uniqueItems === true &&
    value.some((item, i) => value.slice(0, i).some(other => sameJson(other, item)))
  ) {
    causes.push(fieldInvalid(path, 'array', `${path} in body shouldn't contain duplicates`));
  }
  const seen = new Set<string>();
  value.forEach((item, i) => {
    const identity = identityOf(item, schema);
    if (identity !== undefined) {
      const text = JSON.stringify(identity);
      if (seen.has(text)) causes.push(fieldDuplicate(`${path}[${i}]`, identity));
      seen.add(text);
    }
    if (items !== undefined) check(item, items, `${path}[${i}]`, causes, partnerOf(item, old, schema));
  });
}

/** The item of the old list with the same keys: only list-type map can be followed through an update. */
export function partnerOf(item: Json, old: Json | undefined, schema: Schema): Json | undefined {
  if (!isList(old) || schema['x-kubernetes-list-type'] !== 'map' || !isObject(item)) return undefined;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  return old.find(other => isObject(other) && keys.every(key => other[key] === item[key]));
}

/** What makes a list item unique (x-kubernetes-list-type set or map); undefined when nothing does. */
function identityOf(item: Json, schema: Schema): Json | undefined {
  if (schema['x-kubernetes-list-type'] === 'set') return item;
  if (schema['x-kubernetes-list-type'] !== 'map' || !isObject(item)) return undefined;
  const keys = [...(schema['x-kubernetes-list-map-keys'] ?? [])].sort();
  return Object.fromEntries(
    keys.flatMap(key => (item[key] === undefined ? [] : [[key, item[key]]])),
  ) as JsonObject;
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
  for (const name of schema.required ?? []) {
    if (value[name] === undefined) causes.push(fieldRequired(below(name)));
  }
  if (schema.maxProperties !== undefined && names.length > schema.maxProperties) {
    causes.push(fieldTooMany(path, names.length, schema.maxProperties));
  }
  if (schema.minProperties !== undefined && names.length < schema.minProperties) {
    causes.push(
      fieldInvalid(
        path,
        names.length,
        `${path} in body should have at least ${schema.minProperties} properties`,
      ),
    );
  }
  for (const name of names) {
    const child = fieldSchema(schema, name);
    if (child !== undefined) {
      check(value[name] as Json, child, below(name), causes, isObject(old) ? old[name] : undefined);
    }
  }
}

function checkJunctors(value: Json, schema: Schema, path: string, causes: Cause[]): void {
  const holds = (branch: Schema) => validate(value, branch, path).length === 0;
  const shown: Json = typeof value === 'object' ? '' : value;
  const say = (why: string) =>
    causes.push(fieldInvalid(path === '' ? '<nil>' : path, shown, `"${path}" must ${why}`));
  for (const branch of schema.allOf ?? []) {
    const breaches = validate(value, branch, path);
    if (breaches.length > 0) {
      say('validate all the schemas (allOf)');
      causes.push(...breaches);
    }
  }
  if (schema.anyOf !== undefined && !schema.anyOf.some(holds)) say('validate at least one schema (anyOf)');
  if (schema.oneOf !== undefined) {
    const valid = schema.oneOf.filter(holds).length;
    const found = valid === 0 ? 'none' : String(valid);
    if (valid !== 1) say(`validate one and only one schema (oneOf). Found ${found} valid`);
  }
  if (schema.not !== undefined && holds(schema.not)) say('not validate the schema (not)');
}
