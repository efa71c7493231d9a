import type { Schema } from './schema.ts';

/** No request is larger, so no list or text in one is longer than this allows (DefaultMaxRequestSizeBytes). */
const REQUEST_BYTES = 3 * 1024 * 1024;

/** Times have their own least and most bytes in JSON, quotes included. */
const TIMES: Readonly<Record<string, readonly [least: number, most: number]>> = {
  duration: [3, 32],
  date: [12, 12],
  'date-time': [21, 32],
};

/** The least bytes that a value of a schema takes in JSON; what the server fills in takes none. */
function leastBytes(schema: Schema | undefined): number {
  switch (schema?.type) {
    case 'boolean':
      return 4;
    case 'string':
      return TIMES[schema.format ?? '']?.[0] ?? 2;
    case 'array':
      return 2;
    case 'object': {
      if (typeof schema.additionalProperties === 'object') return 2;
      const needed = (schema.required ?? []).filter(
        name => schema.properties?.[name] !== undefined && schema.properties[name].default === undefined,
      );
      return needed.reduce((sum, name) => sum + name.length + 4 + leastBytes(schema.properties?.[name]), 2);
    }
    default:
      return 1;
  }
}

/**
 * The most elements, or bytes of a text, that a value of a schema can have, as the API server reckons for CEL: a
 * character may be four bytes, and what has no bound fills a request. 0 for what has no size.
 */
export function mostElements(schema: Schema): number {
  if (schema['x-kubernetes-int-or-string'] === true) return mostBytes(schema);
  switch (schema.type) {
    case 'array':
      return schema.maxItems ?? Math.floor((REQUEST_BYTES - 2) / (leastBytes(schema.items) + 1));
    case 'object':
      if (typeof schema.additionalProperties !== 'object') return 0;
      return (
        schema.maxProperties ??
        Math.floor((REQUEST_BYTES - 2) / (leastBytes(schema.additionalProperties) + 6))
      );
    case 'string':
      return mostBytes(schema);
    default:
      return 0;
  }
}

function mostBytes(schema: Schema): number {
  const time = TIMES[schema.format ?? ''];
  if (time !== undefined) return time[1];
  if (schema.maxLength !== undefined) return schema.maxLength * (schema.format === 'byte' ? 1 : 4);
  const longest = (schema.enum ?? []).reduce<number>((most, item) => Math.max(most, String(item).length), 0);
  return longest > 0 ? longest : REQUEST_BYTES - 2;
}

/**
 * How many values of a schema node one object can have: the product of the bounds of the lists and maps around it,
 * or, when one of them has none, as many as fit in a request.
 * @param bound that product; undefined when there is none
 */
export function cardinality(schema: Schema, bound: number | undefined): number {
  return bound ?? Math.floor(REQUEST_BYTES / (leastBytes(schema) + 1));
}

/** The bound for what is inside a value of this schema, in the same sense. */
export function boundInside(schema: Schema, bound: number | undefined): number | undefined {
  const own =
    schema.type === 'array'
      ? schema.maxItems
      : typeof schema.additionalProperties === 'object'
        ? schema.maxProperties
        : 1;
  return bound === undefined || own === undefined ? undefined : bound * own;
}
