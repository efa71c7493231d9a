import { crdOf, KINDS, type Kind, type SchemaNode, schemaOf } from '@muslin/api';
import { describe, expect, test } from 'vitest';

/** What a request may hold, and so the longest text or list that a definition without a limit allows (apiserver, 3 MiB). */
const MOST = 3 << 20;
/** apiextensions/v1: what one rule, and all rules of a definition, may cost at worst. */
const RULE_BUDGET = 10_000_000;
const CRD_BUDGET = 100_000_000;

interface Place {
  readonly path: string;
  readonly node: SchemaNode;
  /** How many of these there may be in one object. */
  readonly count: number;
}

/** A list without a limit has as many items as a request can hold of the smallest. */
const mostItems = ({ maxItems, items }: SchemaNode) => maxItems ?? MOST / (smallest(items ?? {}) + 1);

/** Octets of the smallest value. */
function smallest({
  type,
  minLength = 0,
  enum: choices,
  required = [],
  properties = {},
}: SchemaNode): number {
  if (type === 'string')
    return 2 + (choices ? Math.min(...choices.map(each => String(each).length)) : minLength);
  if (type !== 'object') return type === 'array' ? 2 : type === 'boolean' ? 4 : 1;
  return 2 + required.reduce((sum, name) => sum + name.length + 4 + smallest(properties[name] ?? {}), 0);
}

function* places(node: SchemaNode, path = '', count = 1): IterableIterator<Place> {
  yield { path, node, count };
  for (const [name, part] of Object.entries(node.properties ?? {}))
    yield* places(part, `${path}.${name}`, count);
  if (node.items) yield* places(node.items, `${path}[]`, count * mostItems(node));
  if (node.additionalProperties) {
    const many = node.maxProperties ?? MOST / 6;
    yield* places(node.additionalProperties, `${path}{}`, count * many);
  }
}

/** The schema that `self.a.b` of a rule means; `self` is the node itself. */
const named = (node: SchemaNode, words: string): SchemaNode | undefined =>
  words
    .split('.')
    .slice(1)
    .reduce<SchemaNode | undefined>(
      (at, name) => (name === 'metadata' ? { type: 'object' } : at?.properties?.[name]),
      node,
    );

/** At least what a server estimates: one for each word of the rule, and the length of every text and list that it reads. */
function cost(rule: string, node: SchemaNode): number {
  const words = rule.match(/[\w.]+|[^\s\w]/g)?.length ?? 0;
  const read = [
    ...[...rule.matchAll(/((?:self|oldSelf)[\w.]*)\.contains\(/g)].map(([, path = '']) => path),
    ...[...rule.matchAll(/(?:isCIDR|cidr)\(((?:self|oldSelf)[\w.]*)\)/g)].map(([, path = '']) => path),
    ...[...rule.matchAll(/\bin ((?:self|oldSelf)[\w.]+)/g)].map(([, path = '']) => path),
    ...[...rule.matchAll(/((?:self|oldSelf)[\w.]*) == (?:self|oldSelf)/g)].map(([, path = '']) => path),
  ];
  const lengths = read.map(path => {
    const part = named(node, path.replace('oldSelf', 'self'));
    return part?.type === 'array' ? mostItems(part) : (part?.maxLength ?? MOST);
  });
  return words + lengths.reduce((sum, each) => sum + each, 0);
}

describe.each(KINDS)('what a real API server asks of the definition of $kind', kind => {
  const schema = crdOf(kind).spec.versions[0].schema.openAPIV3Schema;
  const all = [...places(schema)];
  const rules = all.flatMap(place =>
    (place.node['x-kubernetes-validations'] ?? []).map(row => ({ ...place, ...row })),
  );

  test('rules cost less than the budget, each and in sum', () => {
    const costs = rules.map(({ rule, node, count, path }) => ({
      path,
      rule,
      cost: count * cost(rule, node),
    }));
    expect(costs.filter(each => each.cost > RULE_BUDGET)).toEqual([]);
    expect(costs.reduce((sum, each) => sum + each.cost, 0)).toBeLessThan(CRD_BUDGET);
  });

  test('rules read fields that exist, by names that CEL can say, and compare numbers with their like', () => {
    for (const { rule, node, path } of rules) {
      for (const [words] of rule.matchAll(/\b(?:self|oldSelf)(?:\.\w+)+(?!\w*\()/g)) {
        const fields = words.replace(/\.(contains|masked|prefixLength|size)$/, '').replace('oldSelf', 'self');
        if (fields.startsWith('self.metadata')) {
          expect(['self.metadata.name', 'self.metadata.generateName'], rule).toContain(fields);
          expect(path, rule).toBe('');
        } else expect(named(node, fields), `${path}: ${rule}: ${fields}`).toBeDefined();
        expect(fields, rule).not.toMatch(RESERVED);
      }
      for (const [, words = '', literal = ''] of rule.matchAll(
        /((?:self|oldSelf)[\w.]*) (?:==|<=?|>=?) (\d[\d.]*)/g,
      )) {
        const type = named(node, words.replace('oldSelf', 'self'))?.type;
        expect(literal.includes('.') ? 'number' : 'integer', `${path}: ${rule}`).toBe(type);
      }
    }
  });

  test('rules have one line each, and a reason and field only of those that there are', () => {
    for (const each of rules) {
      const { rule, message, ...more } = each as typeof each & Readonly<Record<string, unknown>>;
      expect(rule.trim()).toBe(rule);
      expect(rule.length).toBeLessThanOrEqual(10_240);
      expect(message.length).toBeLessThanOrEqual(2048);
      expect(`${rule}${message}`).not.toContain('\n');
      const { reason, fieldPath, messageExpression, optionalOldSelf } = more;
      expect([
        undefined,
        'FieldValueInvalid',
        'FieldValueForbidden',
        'FieldValueRequired',
        'FieldValueDuplicate',
      ]).toContain(reason);
      if (fieldPath !== undefined) expect(named(each.node, `self${fieldPath}`)).toBeDefined();
      expect(messageExpression).toBeUndefined();
      expect(optionalOldSelf).toBeUndefined();
    }
  });

  test('metadata is left to the server, and the root is an object that keeps nothing unknown', () => {
    expect(schema.type).toBe('object');
    expect(schema.properties?.['metadata']).toEqual({ type: 'object' });
    expect(schema.properties?.['apiVersion']?.type).toBe('string');
    expect(schema.properties?.['kind']?.type).toBe('string');
    for (const { path, node } of all) {
      expect(node, path).not.toHaveProperty(['x-kubernetes-preserve-unknown-fields']);
      expect(node, path).not.toHaveProperty(['x-kubernetes-embedded-resource']);
    }
  });

  test('every word has a value that it may have', () => {
    for (const { path, node } of all) {
      const { format, enum: choices, type } = node;
      if (format !== undefined) expect(FORMATS, path).toContain(format);
      if (choices !== undefined) {
        expect(new Set(choices).size, path).toBe(choices.length);
        for (const each of choices)
          expect(type === 'integer' ? Number.isInteger(each) : typeof each === type, path).toBe(true);
      }
      for (const [low, high] of BOUNDS) {
        const [least = 0, most = Number.POSITIVE_INFINITY] = [node[low], node[high]];
        if (low !== 'minimum') expect(least, path).toBeGreaterThanOrEqual(0);
        expect(least, path).toBeLessThanOrEqual(most);
      }
      if (node['x-kubernetes-list-type'] !== undefined) expect(type, path).toBe('array');
      const keys = node['x-kubernetes-list-map-keys'];
      expect(keys !== undefined, path).toBe(node['x-kubernetes-list-type'] === 'map');
      for (const key of keys ?? [])
        expect(node.items?.properties?.[key]?.type, path).toMatch(/^(string|integer|number|boolean)$/);
      for (const name of node.required ?? []) expect(node.properties, path).toHaveProperty([name]);
      // A null that is no value would be dropped, or filled in.
      if (node.nullable) expect(node.default, path).not.toBeNull();
    }
  });

  test('fields to select by and columns are such as a server reads', () => {
    const { selectableFields = [], additionalPrinterColumns = [] } = crdOf(kind).spec.versions[0] as {
      readonly selectableFields?: readonly { readonly jsonPath: string }[];
      readonly additionalPrinterColumns?: Kind['columns'];
    };
    expect(new Set(selectableFields.map(each => each.jsonPath)).size).toBe(selectableFields.length);
    for (const { jsonPath } of selectableFields) {
      expect(jsonPath).toMatch(/^(\.[A-Za-z]\w*)+$/);
      expect(jsonPath).not.toMatch(/^\.metadata/);
      expect(['string', 'boolean', 'integer']).toContain(named(schema, `self${jsonPath}`)?.type);
    }
    const names = additionalPrinterColumns.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, type, jsonPath, priority = 0 } of additionalPrinterColumns) {
      expect(name).toMatch(/\S/);
      expect(['string', 'integer', 'number', 'boolean', 'date']).toContain(type);
      expect(jsonPath).toMatch(/^(\.[A-Za-z]\w*|\[\?\(@\.\w+==(["'])\w+\2\)\])+$/);
      expect(priority).toBeGreaterThanOrEqual(0);
    }
  });

  test('its names are no one else’s, and no short form of Kubernetes itself', () => {
    const { plural, singular, kind: own, listKind, shortNames = [] } = crdOf(kind).spec.names;
    expect(own).toMatch(/^[A-Za-z]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/);
    expect(listKind).not.toBe(own);
    expect(crdOf(kind).metadata.name).toBe(`${plural}.${kind.group}`);
    for (const name of [singular, plural, ...shortNames]) expect(BUILT_IN).not.toContain(name);
    expect(KINDS.filter(other => other.kind === own && other.group === kind.group)).toHaveLength(1);
    expect(schemaOf(kind).type).toBe('object');
  });
});

const FORMATS = [
  'int32',
  'int64',
  'float',
  'double',
  'byte',
  'date',
  'date-time',
  'duration',
  'ipv4',
  'ipv6',
  'cidr',
  'mac',
  'uri',
  'uuid',
  'email',
  'hostname',
  'password',
];
const BOUNDS = [
  ['minimum', 'maximum'],
  ['minLength', 'maxLength'],
  ['minItems', 'maxItems'],
  ['minProperties', 'maxProperties'],
] as const;
/** CEL specification, "Reserved words": a field of such a name is `__name__`. */
const RESERVED =
  /\.(true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while)\b/;
/** `kubectl api-resources`, 1.36: kubectl takes these for Kubernetes' own. */
const BUILT_IN =
  'po svc ns no cm ep ev limits pvc pv quota rc sa cs crd crds ds deploy rs sts hpa cj csr ing netpol pdb pc sc'.split(
    ' ',
  );
