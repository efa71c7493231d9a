import * as z from 'zod';

/** A node of a structural schema (apiextensions/v1 JSONSchemaProps), the parts that our kinds use. */
export interface SchemaNode {
  readonly type?: 'array' | 'boolean' | 'integer' | 'number' | 'object' | 'string';
  readonly description?: string;
  /** What absence means; for people, not a part of CRDs. */
  readonly usual?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly { readonly type: string }[];
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; readonly message: string }[];
}

type Json = Readonly<Record<string, unknown>>;

const KEPT = [
  'type',
  'description',
  'usual',
  'format',
  'default',
  'nullable',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
] as const;

/** Words that mean something and that this translation does not know: using one is a bug in a kind. */
const REFUSED = [
  '$ref',
  'allOf',
  'oneOf',
  'not',
  'propertyNames',
  'prefixItems',
  'patternProperties',
  'const',
];

/**
 * The structural schema that says the same as a zod schema (Kubernetes, "Specifying a structural schema"): a type
 * everywhere, no references, int-or-string as Kubernetes spells it. Throws on what has no such form.
 */
export function structuralOf(schema: z.ZodType): SchemaNode {
  const json = z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', reused: 'inline' });
  return node(json as Json, '');
}

function node(json: Json, path: string): SchemaNode {
  for (const word of REFUSED) if (word in json) throw new Error(`${path}: ${word} has no structural form`);
  if (json['x-kubernetes-int-or-string'] === true) return intOrString(json);
  const out: Record<string, unknown> = {};
  for (const word of KEPT) if (json[word] !== undefined) out[word] = json[word];
  if (out['type'] === undefined) throw new Error(`${path}: a structural schema needs a type`);
  if (typeof out['pattern'] === 'string') out['pattern'] = out['pattern'].replaceAll('\\/', '/');
  if (out['type'] === 'number' && Array.isArray(out['enum']) && out['enum'].every(Number.isInteger))
    out['type'] = 'integer';
  for (const bound of ['minimum', 'maximum'] as const)
    if (Math.abs(Number(out[bound])) === Number.MAX_SAFE_INTEGER) delete out[bound];
  if (json['properties'] !== undefined) Object.assign(out, members(json, path));
  const { additionalProperties, items } = json;
  if (isObject(additionalProperties)) out['additionalProperties'] = node(additionalProperties, `${path}{}`);
  if (isObject(items)) out['items'] = node(items, `${path}[]`);
  return out as SchemaNode;
}

function members(json: Json, path: string) {
  const properties = Object.entries(json['properties'] as Readonly<Record<string, Json>>)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, property]) => [name, node(property, `${path}.${name}`)] as const);
  const required = ((json['required'] ?? []) as readonly string[]).toSorted();
  return { properties: Object.fromEntries(properties), ...(required.length > 0 && { required }) };
}

function intOrString(json: Json): SchemaNode {
  const kept = ['description', 'usual', 'default', 'pattern'].filter(word => json[word] !== undefined);
  return {
    ...Object.fromEntries(kept.map(word => [word, json[word]])),
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    'x-kubernetes-int-or-string': true,
  };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
