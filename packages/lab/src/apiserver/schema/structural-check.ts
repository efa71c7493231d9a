import { fieldForbidden, fieldInvalid, fieldRequired, fieldUnsupported } from '../field-error.ts';
import { isObject, type Json } from '../json.ts';
import type { Cause } from '../status.ts';
import type { Schema } from './schema.ts';
import { prune } from './prune.ts';
import { checkRules } from './rule-check.ts';
import { validate } from './validate.ts';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** Where in the schema a node stands: inside allOf/anyOf/oneOf/not only value checks are allowed. */
type Place = 'root' | 'structure' | 'junctor';

/**
 * Breaches of the rules for structural schemas (Kubernetes, CustomResourceDefinitions, "Specifying a
 * structural schema") and of x-kubernetes extensions. `path` names the node as the API server does.
 */
export function checkStructural(schema: Schema, path: string): readonly Cause[] {
  const causes: Cause[] = [];
  walk(schema, path, 'root', causes);
  causes.push(...checkRules(schema, path));
  return causes;
}

function walk(schema: Schema, path: string, place: Place, causes: Cause[]): void {
  if (place === 'junctor') checkJunctorNode(schema, path, causes);
  else checkNode(schema, path, place, causes);
  const inner = place === 'junctor' ? 'junctor' : 'structure';
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    walk(child, `${path}.properties[${name}]`, inner, causes);
  if (isSchema(schema.additionalProperties))
    walk(schema.additionalProperties, `${path}.additionalProperties`, inner, causes);
  if (isSchema(schema.items)) walk(schema.items, `${path}.items`, inner, causes);
  // The two spellings of int-or-string may carry types below anyOf.
  const exempt = schema['x-kubernetes-int-or-string'] === true;
  for (const word of ['allOf', 'anyOf', 'oneOf'] as const) {
    schema[word]?.forEach((branch, i) => {
      if (!(exempt && (word === 'anyOf' || word === 'allOf')))
        walk(branch, `${path}.${word}[${i}]`, 'junctor', causes);
    });
  }
  if (schema.not !== undefined) walk(schema.not, `${path}.not`, 'junctor', causes);
}

function isSchema(value: Schema | boolean | undefined): value is Schema {
  return typeof value === 'object' && value !== null;
}

function checkNode(schema: Schema, path: string, place: Place, causes: Cause[]): void {
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  const opaque = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (schema.type === undefined) {
    if (!intOrString && !(opaque && place !== 'root')) {
      const what =
        place === 'root'
          ? 'must not be empty at the root'
          : `must not be empty for specified ${whereIs(path)}`;
      causes.push(fieldRequired(`${path}.type`, what));
    }
  } else if (!TYPES.includes(schema.type)) {
    causes.push(fieldUnsupported(`${path}.type`, schema.type, TYPES));
  } else if (place === 'root' && schema.type !== 'object') {
    causes.push(fieldInvalid(`${path}.type`, schema.type, 'must be object at the root'));
  }
  if (schema.type === 'array' && schema.items === undefined) {
    causes.push(fieldRequired(`${path}.items`, 'must be specified'));
  }
  if (Array.isArray(schema.items))
    causes.push(fieldForbidden(`${path}.items`, 'items must be a schema object and not an array'));
  const properties = Object.keys(schema.properties ?? {}).length > 0;
  if (properties && schema.additionalProperties !== undefined) {
    causes.push(
      fieldForbidden(
        `${path}.additionalProperties`,
        'additionalProperties and properties are mutual exclusive',
      ),
    );
  }
  if (!properties && schema.additionalProperties === false) {
    causes.push(fieldForbidden(`${path}.additionalProperties`, 'must not be used with value false'));
  }
  if (schema.uniqueItems === true) {
    causes.push(
      fieldForbidden(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  }
  for (const word of ['$ref', 'definitions', 'dependencies', 'patternProperties', 'id'] as const) {
    if (word in schema) causes.push(fieldForbidden(`${path}.${word}`, `${word} is not supported`));
  }
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    causes.push(
      fieldInvalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'),
    );
  }
  if (schema['x-kubernetes-embedded-resource'] === true && schema.type !== 'object') {
    causes.push(
      fieldInvalid(
        `${path}.type`,
        schema.type ?? '',
        'must be object if x-kubernetes-embedded-resource is true',
      ),
    );
  }
  checkPattern(schema, path, causes);
  checkDefault(schema, path, causes);
  if (place === 'root') checkMetadata(schema, path, causes);
  checkListType(schema, path, causes);
}

function whereIs(path: string): string {
  return path.endsWith('.items') ? 'array items' : 'object fields';
}

/** A default must be what its own schema takes. */
function checkDefault(schema: Schema, path: string, causes: Cause[]): void {
  const value = schema.default;
  if (value === undefined) return;
  if (isObject(value) && prune(value, schema).unknown.length > 0)
    causes.push(fieldInvalid(`${path}.default`, value, 'must not have unknown fields'));
  for (const cause of validate(value, schema)) {
    const below = cause.field === '' || cause.field === '<nil>' ? '' : `.${cause.field}`;
    causes.push({ ...cause, field: `${path}.default${below}` });
  }
}

function checkMetadata(schema: Schema, path: string, causes: Cause[]): void {
  const fields = Object.keys(schema.properties?.['metadata']?.properties ?? {});
  if (fields.every(name => name === 'name' || name === 'generateName')) return;
  const why =
    'must not specify anything other than name and generateName, but metadata is implicitly specified';
  causes.push(fieldForbidden(`${path}.properties[metadata]`, why));
}

function checkPattern(schema: Schema, path: string, causes: Cause[]): void {
  if (schema.pattern === undefined) return;
  try {
    new RegExp(schema.pattern, 'u');
  } catch (cause) {
    causes.push(
      fieldInvalid(
        `${path}.pattern`,
        schema.pattern,
        `must be a valid regular expression, but isn't: ${(cause as Error).message}`,
      ),
    );
  }
  if (/\(\?[=!<](?!P)/.test(schema.pattern)) {
    causes.push(
      fieldInvalid(
        `${path}.pattern`,
        schema.pattern,
        "must be a valid regular expression, but isn't: RE2 has no look-around",
      ),
    );
  }
}

function checkListType(schema: Schema, path: string, causes: Cause[]): void {
  const type = schema['x-kubernetes-list-type'];
  if (type === undefined) return;
  if (!['atomic', 'set', 'map'].includes(type)) {
    causes.push(fieldUnsupported(`${path}.x-kubernetes-list-type`, type, ['atomic', 'set', 'map']));
  }
  if (schema.type !== 'array') {
    causes.push(
      fieldInvalid(`${path}.type`, schema.type ?? '', 'must be array if x-kubernetes-list-type is specified'),
    );
  }
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (type !== 'map') {
    if (keys.length > 0) {
      causes.push(
        fieldForbidden(
          `${path}.x-kubernetes-list-map-keys`,
          'must not be specified when x-kubernetes-list-type is not map',
        ),
      );
    }
    return;
  }
  if (keys.length === 0) {
    causes.push(
      fieldRequired(
        `${path}.x-kubernetes-list-map-keys`,
        'must not be empty if x-kubernetes-list-type is map',
      ),
    );
  }
  const items = schema.items?.type;
  if (items !== undefined && items !== 'object') {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    causes.push(fieldInvalid(`${path}.items.type`, items, why));
    return;
  }
  for (const key of keys) {
    const field = schema.items?.properties?.[key];
    const required = schema.items?.required?.includes(key) === true || field?.default !== undefined;
    const named = `${path}.items.properties[${key}]`;
    if (field === undefined) {
      causes.push(
        fieldInvalid(
          `${path}.x-kubernetes-list-map-keys`,
          keys,
          'entries must all be names of item properties',
        ),
      );
    } else if (!required) {
      causes.push(
        fieldRequired(
          `${named}.default`,
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        ),
      );
    }
  }
}

/** Inside a junctor no structure may be declared: it would be pruned or defaulted by chance. */
function checkJunctorNode(schema: Schema, path: string, causes: Cause[]): void {
  const forbid = (word: string, value: Json | Schema | undefined) => {
    if (value === undefined || value === false || value === '') return;
    causes.push(fieldForbidden(`${path}.${word}`, 'must be empty to be structural'));
  };
  for (const word of [
    'type',
    'description',
    'title',
    'default',
    'nullable',
    'x-kubernetes-preserve-unknown-fields',
    'x-kubernetes-embedded-resource',
    'x-kubernetes-int-or-string',
  ] as const) {
    forbid(word, schema[word] as Json | undefined);
  }
  if (schema.additionalProperties !== undefined && isObject(schema.additionalProperties as Json)) {
    forbid('additionalProperties', schema.additionalProperties as Schema);
  }
}
