import { fieldDuplicate, fieldInvalid } from '../field-error.ts';
import { isList, isObject, type Json, type JsonObject } from '../json.ts';
import type { Cause } from '../status.ts';
import { fieldSchema, type Schema } from './schema.ts';

/** Items of x-kubernetes-list-type set and map that are there twice; each is told once, where it is met again. */
export function checkListTypes(value: Json, schema: Schema, path = ''): readonly Cause[] {
  if (isList(value)) {
    const items = schema.items;
    return [
      ...checkItems(value, schema, path),
      ...(items === undefined
        ? []
        : value.flatMap((item, i) => checkListTypes(item, items, `${path}[${i}]`))),
    ];
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const type = fieldSchema(schema, name);
    const below = path === '' ? name : `${path}.${name}`;
    return type === undefined || child === undefined ? [] : checkListTypes(child, type, below);
  });
}

function checkItems(value: readonly Json[], schema: Schema, path: string): readonly Cause[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const stray = value.findIndex(item => type === 'map' && item !== null && !isObject(item));
  if (stray >= 0) {
    const why = 'must be an object for an array of list-type map';
    return [fieldInvalid(`${path}[${stray}]`, value[stray], why)];
  }
  const seen = new Map<string, number>();
  return value.flatMap((item, i) => {
    const identity = type === 'set' ? item : keysOf(item, schema);
    const text = JSON.stringify(identity);
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    return times === 2 ? [fieldDuplicate(`${path}[${i}]`, identity)] : [];
  });
}

function keysOf(item: Json, schema: Schema): JsonObject {
  const keys = [...(schema['x-kubernetes-list-map-keys'] ?? [])].sort();
  if (!isObject(item)) return {};
  return Object.fromEntries(keys.flatMap(key => (item[key] === undefined ? [] : [[key, item[key]]])));
}

/** The item of the old list with the same keys: only list-type map can be followed through an update. */
export function partnerOf(item: Json, old: Json | undefined, schema: Schema): Json | undefined {
  if (!isList(old) || schema['x-kubernetes-list-type'] !== 'map' || !isObject(item)) return undefined;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  return old.find(other => isObject(other) && keys.every(key => other[key] === item[key]));
}
