import { formatJson } from '@muslin/net';
import { isList, isObject, type Json, type JsonObject, sameJson } from '../json.ts';
import { fieldSchema, isOpaque, type Schema } from '../schema/schema.ts';
import { EMPTY, type FieldSet, fieldSet, isEmptySet, LEAF, union } from './field-set.ts';

/** How server-side apply treats a value: as one, by field, by item key, or by item. */
type Grain = 'atomic' | 'fields' | 'keyed' | 'set';

/** Unspecified lists are atomic, unspecified objects granular (Kubernetes, Server-Side Apply, Merge strategy). */
function grainOf(value: Json | undefined, schema: Schema | undefined): Grain {
  if (isList(value)) {
    const type = schema?.['x-kubernetes-list-type'];
    return type === 'map' ? 'keyed' : type === 'set' ? 'set' : 'atomic';
  }
  if (!isObject(value)) return 'atomic';
  return schema?.['x-kubernetes-map-type'] === 'atomic' ? 'atomic' : 'fields';
}

/** The path element of a list item; a key that is left out counts with its default. */
function itemElement(item: Json, schema: Schema | undefined, grain: 'keyed' | 'set'): string {
  if (grain === 'set') return `v:${JSON.stringify(item)}`;
  const keys = [...(schema?.['x-kubernetes-list-map-keys'] ?? [])].sort();
  const values = keys.flatMap(key => {
    const value = (isObject(item) ? item[key] : undefined) ?? schema?.items?.properties?.[key]?.default;
    return value === undefined ? [] : [[key, value] as const];
  });
  return `k:${JSON.stringify(Object.fromEntries(values))}`;
}

/** The children of a granular value by path element, each with its schema. */
function childrenOf(
  value: Json | undefined,
  schema: Schema | undefined,
  grain: Grain,
): ReadonlyMap<string, readonly [Json, Schema | undefined]> {
  if (grain === 'fields' && isObject(value)) {
    const entries = Object.entries(value).filter(([, child]) => child !== undefined);
    return new Map(
      entries.map(([name, child]) => [`f:${name}`, [child as Json, fieldSchema(schema, name)] as const]),
    );
  }
  if ((grain === 'keyed' || grain === 'set') && isList(value)) {
    return new Map(value.map(item => [itemElement(item, schema, grain), [item, schema?.items] as const]));
  }
  return new Map();
}

/** Every field that a value sets: what an applier owns. */
export function fieldsOf(value: Json, schema: Schema | undefined): FieldSet {
  const grain = grainOf(value, schema);
  if (grain === 'atomic') return LEAF;
  const children = [...childrenOf(value, schema, grain)].map(([element, [child, type]]) => {
    const inner = fieldsOf(child, type);
    // Items, and keys of free maps, exist on their own; fields of a structure exist through what they hold.
    const named =
      grain !== 'fields' || !(schema?.properties !== undefined && element.slice(2) in schema.properties);
    const hollow = isObject(child) && Object.keys(child).length === 0;
    return [element, named || hollow ? { ...inner, member: true } : inner] as const;
  });
  return fieldSet(false, children);
}

/** What differs between two states of an object. */
export interface Comparison {
  /** Added or modified. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

const SAME: Comparison = { changed: EMPTY, removed: EMPTY };

export function compare(
  before: Json | undefined,
  after: Json | undefined,
  schema: Schema | undefined,
): Comparison {
  if (before === after) return SAME;
  const grain = grainOf(after ?? before, schema);
  if (
    grain === 'atomic' ||
    (before !== undefined && after !== undefined && grainOf(before, schema) !== grain)
  ) {
    if (sameJson(before, after)) return SAME;
    return after === undefined ? { changed: EMPTY, removed: LEAF } : { changed: LEAF, removed: EMPTY };
  }
  const [old, now] = [childrenOf(before, schema, grain), childrenOf(after, schema, grain)];
  const elements = new Set([...old.keys(), ...now.keys()]);
  const changed: [string, FieldSet][] = [];
  const removed: [string, FieldSet][] = [];
  for (const element of elements) {
    const [a, b] = [old.get(element), now.get(element)];
    const inner = compare(a?.[0], b?.[0], b?.[1] ?? a?.[1]);
    changed.push([element, inner.changed]);
    removed.push([element, inner.removed]);
  }
  return {
    changed: fieldSet(before === undefined, changed),
    removed: fieldSet(after === undefined, removed),
  };
}

/** The live value with an applied configuration laid over it. */
export function mergeApplied(live: Json | undefined, config: Json, schema: Schema | undefined): Json {
  const grain = grainOf(config, schema);
  if (live === undefined || live === null || grain === 'atomic' || grainOf(live, schema) !== grain)
    return config;
  if (grain === 'fields') {
    const out: Record<string, Json | undefined> = { ...(live as JsonObject) };
    for (const [name, value] of Object.entries(config as JsonObject)) {
      if (value !== undefined) out[name] = mergeApplied(out[name], value, fieldSchema(schema, name));
    }
    return out;
  }
  const [there, given] = [childrenOf(live, schema, grain), childrenOf(config, schema, grain)];
  return mergedOrder([...there.keys()], [...given.keys()]).map(element => {
    const before = there.get(element)?.[0];
    const [item, type] = given.get(element) ?? [];
    return item === undefined ? (before as Json) : mergeApplied(before, item, type);
  });
}

/**
 * The items of a list in their order after an apply: what is given stands in the order in which it is given, and what was
 * there besides keeps its place before what followed it (structured-merge-diff).
 */
function mergedOrder(there: readonly string[], given: readonly string[]): readonly string[] {
  const wantedItems = new Set(given);
  const out = new Set<string>();
  const shared = given.filter(element => there.includes(element));
  let [i, j] = [0, 0];
  const take = () => {
    const element = given[j++] as string;
    out.add(element);
    if (shared[0] === element) shared.shift();
  };
  while (i < there.length || j < given.length) {
    const element = there[i];
    if (element === undefined) take();
    else if (element === given[j]) {
      take();
      i++;
    } else if (!wantedItems.has(element)) {
      out.add(element);
      i++;
    } else if (out.has(element) || (j < given.length && shared[0] !== undefined && shared[0] !== element))
      i++;
    else take();
  }
  return [...out];
}

/** What a scalar has to be, and how the value is shown that is something else. */
const SCALARS: Readonly<
  Record<string, readonly [want: string, fits: (value: Json) => boolean, show: (value: Json) => string]>
> = {
  string: [
    'string',
    value => typeof value === 'string',
    value => `&value.valueUnstructured{Value:${goText(value)}}`,
  ],
  boolean: ['boolean', value => typeof value === 'boolean', value => `&{${goText(value)}}`],
  integer: ['numeric (int or float)', isNumber, goType],
  number: ['numeric (int or float)', isNumber, goType],
};

function isNumber(value: Json): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** A value as Go's %v prints it. */
function goText(value: Json): string {
  if (isList(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isObject(value)) return String(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${fields.map(([name, child]) => `${name}:${goText(child ?? null)}`).join(' ')}]`;
}

function goType(value: Json): string {
  if (isList(value)) return '[]interface {}';
  if (isObject(value)) return 'map[string]interface {}';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** Why a configuration does not fit its schema: the words of structured-merge-diff, which is asked before all validation. */
export function typedFaults(value: Json, schema: Schema, path = ''): readonly string[] {
  const wrong = (want: string, got = `&{${goText(value)}}`) => [`${path}: expected ${want}, got ${got}`];
  if (value === null || schema['x-kubernetes-int-or-string']) return [];
  if (schema.type === 'array') {
    if (!isList(value)) return wrong('list');
    const grain = grainOf(value, schema);
    const items = schema.items;
    const seen = new Set<string>();
    return value.flatMap((item, i) => {
      const key = grain === 'keyed' || grain === 'set' ? elementText(item, schema, grain) : `[${i}]`;
      if (seen.has(key)) return [`${path}: duplicate entries for key ${key}`];
      seen.add(key);
      return items === undefined ? [] : typedFaults(item, items, `${path}${key}`);
    });
  }
  if (schema.type === 'object') {
    if (!isObject(value)) return wrong('map');
    return Object.entries(value).flatMap(([name, child]) => {
      const type = fieldSchema(schema, name);
      if (child === undefined || (path === '' && name === 'metadata')) return [];
      if (type !== undefined) return typedFaults(child, type, `${path}.${name}`);
      return isOpaque(schema) || schema.properties === undefined
        ? []
        : [`${path}.${name}: field not declared in schema`];
    });
  }
  const scalar = SCALARS[schema.type ?? ''];
  return scalar === undefined || scalar[1](value) ? [] : wrong(scalar[0], scalar[2](value));
}

/** An item as a path names it: `[="a"]`, `[name="hay",time="dusk"]`. */
function elementText(item: Json, schema: Schema, grain: 'keyed' | 'set'): string {
  if (grain === 'set') return `[=${formatJson(item)}]`;
  const keys = JSON.parse(itemElement(item, schema, grain).slice(2)) as JsonObject;
  return `[${Object.entries(keys)
    .map(([name, value]) => `${name}=${formatJson(value)}`)
    .join(',')}]`;
}

/**
 * The value without the fields in `gone`. What somebody else holds (`kept`) stays, and so does what holds it; an object that was
 * emptied disappears, or becomes null where the configuration (`said`) wants it empty: so does the real server, whose schema
 * then mostly refuses it.
 */
export function removeFields(
  value: Json,
  gone: FieldSet,
  kept: FieldSet,
  schema: Schema | undefined,
  said: FieldSet = EMPTY,
): Json | undefined {
  if (isEmptySet(gone)) return value;
  const grain = grainOf(value, schema);
  if (grain === 'atomic') return gone.member ? undefined : value;
  const others = (element: string) => kept.children.get(element) ?? EMPTY;
  if (grain === 'fields') {
    const out: Record<string, Json | undefined> = { ...(value as JsonObject) };
    for (const [element, [child, type]] of childrenOf(value, schema, grain)) {
      const below = gone.children.get(element);
      if (below === undefined) continue;
      const left = removeFields(child, below, others(element), type, said.children.get(element));
      if (left === undefined) delete out[element.slice(2)];
      else out[element.slice(2)] = left;
    }
    if (Object.keys(out).length > 0) return out;
    return said.member && said.children.size === 0 ? null : undefined;
  }
  const items: Json[] = [];
  for (const [element, [child, type]] of childrenOf(value, schema, grain)) {
    const below = gone.children.get(element);
    if (below === undefined) items.push(child);
    else if (below.member && isEmptySet(others(element))) continue;
    else {
      const left = removeFields(child, { ...below, member: false }, union(others(element), LEAF), type);
      if (left !== undefined) items.push(left);
    }
  }
  return items.length === 0 ? undefined : items;
}
