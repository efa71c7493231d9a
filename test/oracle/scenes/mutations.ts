import type { Any } from '../question.ts';

/** A value for a place in a schema, and what is the matter with it. */
export interface Mutation {
  readonly what: string;
  readonly value: Any;
}

/** A place in a schema: how a value gets there, from the root of the object. */
export interface Spot {
  readonly path: string;
  readonly schema: Any;
  /** The object with `value` at this place, and whatever its parents need. */
  put(value: Any): Any;
}

/** The least that a schema takes. */
export function sample(schema: Any): Any {
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema['x-kubernetes-int-or-string']) return 1;
  switch (schema.type) {
    case 'object':
      return required(schema);
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => sample(schema.items));
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 1, Math.min(1, schema.maximum ?? 1));
    case 'boolean':
      return true;
    default:
      return textFor(schema);
  }
}

const TEXTS = [
  'x',
  '10.0.0.0/26',
  '10.0.0.1',
  'fd00::/64',
  '1:2',
  '1s',
  '65000:1',
  'host:n',
  '2026-01-01T00:00:00Z',
];

function textFor({ pattern, minLength = 0, maxLength = Number.POSITIVE_INFINITY, format }: Any): string {
  const fits = (text: string) =>
    text.length >= minLength &&
    text.length <= maxLength &&
    (pattern === undefined || new RegExp(pattern, 'u').test(text));
  const first = { cidr: '10.0.0.0/26', ipv4: '10.0.0.1', 'date-time': '2026-01-01T00:00:00Z' }[
    format as string
  ];
  return [...(first === undefined ? [] : [first]), ...TEXTS].find(fits) ?? 'x'.repeat(minLength);
}

function required(schema: Any): Any {
  return Object.fromEntries(
    (schema.required ?? []).map((name: string) => [name, sample(schema.properties?.[name] ?? {})]),
  );
}

/** Every place below one, itself first. */
export function* spotsBelow(spot: Spot): IterableIterator<Spot> {
  yield spot;
  const { schema, path, put } = spot;
  for (const [name, child] of Object.entries<Any>(schema.properties ?? {})) {
    yield* spotsBelow({
      path: `${path}.${name}`,
      schema: child,
      put: value => put({ ...required(schema), [name]: value }),
    });
  }
  if (typeof schema.additionalProperties === 'object') {
    const put1 = (value: Any) => put({ k: value });
    yield* spotsBelow({ path: `${path}[k]`, schema: schema.additionalProperties, put: put1 });
  }
  if (schema.items !== undefined) {
    const put1 = (value: Any) => put([value]);
    yield* spotsBelow({ path: `${path}[]`, schema: schema.items, put: put1 });
  }
}

/** What may be wrong, or just right, at a place. */
export function* mutationsOf(schema: Any): IterableIterator<Mutation> {
  yield { what: 'good', value: sample(schema) };
  yield { what: 'null', value: null };
  yield* wrongTypes(schema);
  if (schema.enum !== undefined) {
    yield { what: 'out of enum', value: 'Bogus' };
    yield { what: 'wrong case', value: swapCase(String(schema.enum[0])) };
  }
  yield* bounds(schema);
  if (schema.pattern !== undefined) yield { what: 'against pattern', value: '?!' };
  if (schema.format !== undefined && schema.type === 'string')
    yield { what: 'not of format', value: '300.1.2.3/99' };
  if (schema.type === 'array') yield* lists(schema);
  if (schema.type === 'object') yield* objects(schema);
}

function swapCase(text: string): string {
  return text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase();
}

function* wrongTypes(schema: Any): IterableIterator<Mutation> {
  if (schema['x-kubernetes-int-or-string']) {
    yield { what: 'true', value: true };
    yield { what: 'a fraction', value: 1.5 };
    yield { what: 'text', value: 'text' };
    return;
  }
  switch (schema.type) {
    case 'object':
      yield { what: 'text', value: 'text' };
      yield { what: 'a list', value: [] };
      return;
    case 'array':
      yield { what: 'text', value: 'text' };
      yield { what: 'an object', value: { a: 1 } };
      yield { what: 'a list with null', value: [null] };
      return;
    case 'integer':
      yield { what: 'a fraction', value: 1.5 };
      yield { what: 'text', value: '5' };
      return;
    case 'number':
      yield { what: 'text', value: '5' };
      return;
    case 'boolean':
      yield { what: 'text', value: 'true' };
      return;
    default:
      yield { what: 'a number', value: 5 };
  }
}

function* bounds(schema: Any): IterableIterator<Mutation> {
  if (schema.minimum !== undefined) yield { what: 'too small', value: schema.minimum - 1 };
  if (schema.maximum !== undefined) yield { what: 'too large', value: schema.maximum + 1 };
  if (schema.type === 'integer') yield { what: 'huge', value: 9007199254740991 };
  if (schema.minLength !== undefined) yield { what: 'too short', value: '' };
  if (schema.maxLength !== undefined && schema.maxLength < 3000)
    yield { what: 'too long', value: 'x'.repeat(schema.maxLength + 1) };
}

function* lists(schema: Any): IterableIterator<Mutation> {
  const one = sample(schema.items ?? {});
  yield { what: 'twice the same', value: [one, one] };
  if (schema.minItems > 0) yield { what: 'too few', value: [] };
  if (schema.maxItems !== undefined && schema.maxItems < 300)
    yield { what: 'too many', value: Array.from({ length: schema.maxItems + 1 }, () => one) };
}

function* objects(schema: Any): IterableIterator<Mutation> {
  const whole = required(schema);
  yield { what: 'with an unknown field', value: { ...whole, notAField: { a: 1 } } };
  for (const name of schema.required ?? []) {
    const { [name]: _, ...rest } = whole;
    yield { what: `without ${name}`, value: rest };
  }
  if (schema.minProperties > 0 && (schema.required ?? []).length === 0) yield { what: 'empty', value: {} };
  if (schema.additionalProperties !== undefined && schema.maxProperties < 300) {
    const names = Array.from({ length: schema.maxProperties + 1 }, (_, i) => `k${i}`);
    const each = sample(schema.additionalProperties === true ? {} : schema.additionalProperties);
    yield { what: 'too many', value: Object.fromEntries(names.map(name => [name, each])) };
  }
}
