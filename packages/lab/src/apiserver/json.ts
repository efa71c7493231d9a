import { formatJson } from '@muslin/net';

/**
 * JSON as it travels; a `bigint` is a whole number beyond 2^53. Values are never changed once another part of the program
 * may hold them.
 */
export type Json = string | number | bigint | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** Whether the value is a JSON object (not a list, not null). */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether the value is a JSON list. */
export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The value at a path of object fields; undefined as soon as a step is missing. */
export function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let here = value;
  for (const step of path) {
    if (!isObject(here)) return undefined;
    here = here[step];
  }
  return here;
}

/** `at` for text: anything else reads as ''. */
export function textAt(value: Json | undefined, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** `at` for lists: anything else reads as empty. */
export function listAt(value: Json | undefined, ...path: readonly string[]): readonly Json[] {
  const found = at(value, ...path);
  return isList(found) ? found : [];
}

/** `at` for objects: anything else reads as empty. */
export function objectAt(value: Json | undefined, ...path: readonly string[]): JsonObject {
  const found = at(value, ...path);
  return isObject(found) ? found : {};
}

/** The same value with the field at `path` set, or removed when `to` is undefined. Makes missing parents. */
export function withField(value: JsonObject, path: readonly string[], to: Json | undefined): JsonObject {
  const [first, ...rest] = path as [string, ...string[]];
  const copy: Record<string, Json | undefined> = { ...value };
  const inner = rest.length === 0 ? to : withField(objectAt(value, first), rest, to);
  if (inner === undefined) delete copy[first];
  else copy[first] = inner;
  return copy;
}

/** Deep equality; the order of object fields does not count, an undefined field counts as absent. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (isList(a)) {
    return isList(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  for (const key in a) if (!sameJson(a[key], b[key])) return false;
  for (const key in b) if (b[key] !== undefined && a[key] === undefined) return false;
  return true;
}

/** Text of a JSON object, remembered per object: one write is read by many watchers. */
const texts = new WeakMap<JsonObject, string>();
export function jsonText(value: JsonObject): string {
  let text = texts.get(value);
  if (text === undefined) {
    text = formatJson(value);
    texts.set(value, text);
  }
  return text;
}

/** `jsonText` with leading fields, without serialising the object again. */
export function jsonTextWith(lead: string, value: JsonObject): string {
  const text = jsonText(value);
  return text === '{}' ? `{${lead}}` : `{${lead},${text.slice(1)}`;
}
