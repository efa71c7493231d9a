import type { Json } from '../json.ts';
import type { Schema } from './schema.ts';

/** Short names for common types, so that a built-in kind's schema reads like its Go struct. */
const TYPES = {
  string: { type: 'string' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  number: { type: 'number' },
  bool: { type: 'boolean' },
  time: { type: 'string', format: 'date-time' },
  bytes: { type: 'string', format: 'byte' },
  quantity: { 'x-kubernetes-int-or-string': true, format: 'quantity' },
  intOrString: { 'x-kubernetes-int-or-string': true },
  any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  'string[]': { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'atomic' },
  'int64[]': { type: 'array', items: { type: 'integer' }, 'x-kubernetes-list-type': 'atomic' },
  'set[]': {
    type: 'array',
    items: { type: 'string' },
    'x-kubernetes-list-type': 'set',
    'x-kubernetes-patch-strategy': 'merge',
  },
  map: { type: 'object', additionalProperties: { type: 'string' } },
  quantities: {
    type: 'object',
    additionalProperties: { 'x-kubernetes-int-or-string': true, format: 'quantity' },
  },
} as const satisfies Record<string, Schema>;

type Fields = Readonly<Record<string, Schema | keyof typeof TYPES>>;

/** An object with these fields. A name that ends in `!` is required. */
export function shape(fields: Fields, extra: Schema = {}): Schema {
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  for (const [key, value] of Object.entries(fields)) {
    const name = key.endsWith('!') ? key.slice(0, -1) : key;
    if (name !== key) required.push(name);
    properties[name] = typeof value === 'string' ? TYPES[value] : value;
  }
  return { type: 'object', ...(required.length === 0 ? {} : { required }), properties, ...extra };
}

/** A list that patches replace as a whole. */
export function listOf(items: Schema, extra: Schema = {}): Schema {
  return { type: 'array', items, 'x-kubernetes-list-type': 'atomic', ...extra };
}

/**
 * A list that patches merge by key. Server-side apply uses all keys; strategic merge patch knows one
 * (Kubernetes API conventions), which is the first unless given.
 */
export function listBy(keys: readonly string[], items: Schema, patchKey = keys[0] as string): Schema {
  return {
    type: 'array',
    items,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-patch-merge-key': patchKey,
  };
}

export function withDefault(schema: Schema, value: Json): Schema {
  return { ...schema, default: value };
}
