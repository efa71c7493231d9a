import type { Finding, SchemaNode } from '@muslin/api';
import { parsePrefix } from '@muslin/net';
import { didYouMean } from '../output/suggest.ts';
import { definitionOf } from './definitions.ts';
import { isRecord } from './json.ts';
import type { RawObject } from './load.ts';

/** Findings about one object; nobody reads more. */
const MOST = 100;

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Whether there is a definition to hold an object against. */
export function hasSchema({ apiVersion, kind }: RawObject): boolean {
  return definitionOf(`${apiVersion}/${kind}`) !== undefined;
}

/**
 * What the API server would refuse about an object: a field that the kind doesn't have, a value of the wrong type or out
 * of bounds, a broken rule of the definition, a name that is none.
 */
export async function schemaFindings(object: RawObject): Promise<readonly Finding[]> {
  const schema = definitionOf(`${object.apiVersion}/${object.kind}`);
  if (schema === undefined) return [];
  const { name = '', namespace = '' } = object.metadata;
  const ref = { apiVersion: object.apiVersion, kind: object.kind, namespace, name };
  const findings: Finding[] = [];
  const say: Say = (path, message) => {
    if (findings.length < MOST) findings.push({ object: ref, path, severity: 'error', message });
  };
  if (name !== '' && (name.length > 253 || !NAME.test(name)))
    say(
      'metadata.name',
      'must be lower case letters, digits, - and ., and begin and end with a letter or digit',
    );
  const { metadata: _metadata, status: _status, apiVersion: _version, kind: _kind, ...own } = object;
  checkObject(own, schema, '', say);
  if (findings.length > 0 || !hasRules(schema)) return findings;
  const { ruleFindings } = await import('./rule-findings.ts');
  for (const { path, message } of ruleFindings(object, schema)) say(path, message);
  return findings;
}

function hasRules(schema: SchemaNode): boolean {
  const below = [...Object.values(schema.properties ?? {}), schema.items];
  return (
    schema['x-kubernetes-validations'] !== undefined ||
    below.some(part => part !== undefined && hasRules(part))
  );
}

type Say = (path: string, message: string) => void;

function check(value: unknown, schema: SchemaNode, path: string, say: Say): void {
  if (value === null || value === undefined) return;
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (typeof value !== 'string' && !Number.isInteger(value))
      say(path, 'must be a whole number or a string');
    return;
  }
  switch (schema.type) {
    case 'object':
      if (isRecord(value)) checkObject(value, schema, path, say);
      else say(path, 'must be an object');
      return;
    case 'array':
      if (Array.isArray(value)) checkList(value, schema, path, say);
      else say(path, 'must be a list');
      return;
    case 'string':
      if (typeof value === 'string') checkText(value, schema, path, say);
      else say(path, 'must be a string');
      return;
    case 'boolean':
      if (typeof value !== 'boolean') say(path, 'must be true or false');
      return;
    case 'integer':
    case 'number':
      checkNumber(value, schema, path, say);
  }
}

function checkObject(value: object, schema: SchemaNode, path: string, say: Say): void {
  const place = (name: string) => (path === '' ? name : `${path}.${name}`);
  const { properties, additionalProperties, required = [], minProperties, maxProperties } = schema;
  const given = Object.entries(value).filter(([, part]) => part !== null && part !== undefined);
  for (const [name, part] of given) {
    const child = properties && Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (child !== undefined) check(part, child, place(name), say);
    else if (properties !== undefined) say(place(name), unknownField(name, Object.keys(properties)));
  }
  for (const name of required)
    if (!given.some(([key]) => key === name) && properties?.[name]?.default === undefined)
      say(place(name), 'must be given');
  if (minProperties !== undefined && given.length < minProperties)
    say(path, `must have at least ${minProperties} of its fields`);
  if (maxProperties !== undefined && given.length > maxProperties)
    say(path, `may have at most ${maxProperties} of its fields`);
}

function unknownField(name: string, known: readonly string[]): string {
  return `is no field here, so that it would be dropped.${didYouMean(name, known)}`;
}

function checkList(value: readonly unknown[], schema: SchemaNode, path: string, say: Say): void {
  const { minItems, maxItems, items } = schema;
  if (minItems !== undefined && value.length < minItems) say(path, `must have at least ${minItems} items`);
  if (maxItems !== undefined && value.length > maxItems) say(path, `may have at most ${maxItems} items`);
  const seen = new Set<string>();
  value.forEach((item, i) => {
    const keys = schema['x-kubernetes-list-map-keys'];
    const key = keys && isRecord(item) ? JSON.stringify(keys.map(name => item[name])) : JSON.stringify(item);
    if (schema['x-kubernetes-list-type'] === 'set' || keys !== undefined) {
      if (seen.has(key)) say(`${path}[${i}]`, 'is there twice');
      seen.add(key);
    }
    if (items !== undefined) check(item, items, `${path}[${i}]`, say);
  });
}

function checkText(value: string, schema: SchemaNode, path: string, say: Say): void {
  const { enum: choices, pattern, minLength, maxLength, format } = schema;
  const length = [...value].length;
  if (choices !== undefined && !choices.includes(value))
    say(path, `must be ${listed(choices)}, not ${JSON.stringify(value)}`);
  else if (maxLength !== undefined && length > maxLength)
    say(path, `may have at most ${maxLength} characters`);
  else if (minLength !== undefined && length < minLength)
    say(path, `must have at least ${minLength} characters`);
  else if (pattern !== undefined && !new RegExp(pattern, 'u').test(value))
    say(path, `${JSON.stringify(value)} does not match ${pattern}`);
  else if (format === 'cidr' && !parsePrefix(value).ok)
    say(path, `must be a prefix such as 10.0.0.0/8, not ${JSON.stringify(value)}`);
}

function checkNumber(value: unknown, schema: SchemaNode, path: string, say: Say): void {
  const fault = numberFault(value, schema);
  if (fault !== undefined) say(path, fault);
}

function numberFault(value: unknown, schema: SchemaNode): string | undefined {
  const { minimum, maximum, enum: choices, type, format } = schema;
  if (typeof value !== 'number') return type === 'integer' ? 'must be a whole number' : 'must be a number';
  if (type === 'integer' && !Number.isInteger(value)) return 'must be a whole number';
  if (choices !== undefined && !choices.includes(value)) return `must be ${listed(choices)}, not ${value}`;
  if (minimum !== undefined && value < minimum) return `must be at least ${minimum}, not ${value}`;
  const most = maximum ?? (format === 'int32' ? 2_147_483_647 : undefined);
  return most !== undefined && value > most ? `must be at most ${most}, not ${value}` : undefined;
}

/** `A, B or C`; what is empty is called so. */
function listed(choices: readonly unknown[]): string {
  const texts = choices.filter(choice => choice !== '').map(String);
  if (texts.length < choices.length) texts.push('empty');
  const last = texts.pop() ?? '';
  return texts.length === 0 ? last : `${texts.join(', ')} or ${last}`;
}
