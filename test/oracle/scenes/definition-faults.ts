import type { Any, Question, Scene } from '../question.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const text = { type: 'string' };

function definition(spec: Any, more: Any = {}, root: Any = {}): Any {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'plants.zoo.example.org' },
    spec: {
      group: 'zoo.example.org',
      scope: 'Namespaced',
      names: { plural: 'plants', kind: 'Plant' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec }, ...root } },
        },
      ],
      ...more,
    },
  };
}

const properties = (fields: Any, more: Any = {}): Any => ({ type: 'object', properties: fields, ...more });
const rule = (expression: string, fields: Any, more: Any = {}): Any =>
  properties(fields, { 'x-kubernetes-validations': [{ rule: expression, ...more }] });

const numbers = { type: 'array', items: { type: 'integer' } };

/** What a spec may say of itself. */
const SPECS: Readonly<Record<string, Any>> = {
  'a plain one': properties({ a: text }),
  'no type': { properties: { a: text } },
  'a type that is none': properties({ a: { type: 'text' } }),
  'a field without a type': properties({ a: {} }),
  'items without a type': properties({ a: { type: 'array', items: {} } }),
  'a list without items': properties({ a: { type: 'array' } }),
  'properties and additionalProperties': properties({ a: text }, { additionalProperties: text }),
  'additionalProperties false': properties({ a: text }, { additionalProperties: false }),
  'a list map without keys': properties({ a: { ...numbers, 'x-kubernetes-list-type': 'map' } }),
  'a list map of numbers': properties({
    a: { ...numbers, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] },
  }),
  'a list map whose key is neither required nor defaulted': properties({
    a: {
      type: 'array',
      items: properties({ k: text }),
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
    },
  }),
  'a list type that is none': properties({ a: { ...numbers, 'x-kubernetes-list-type': 'bag' } }),
  'a list type of a text': properties({ a: { ...text, 'x-kubernetes-list-type': 'set' } }),
  'a default that is wrong': properties({ a: { ...text, default: 5 } }),
  'a default out of its enum': properties({ a: { ...text, enum: ['x'], default: 'y' } }),
  'a default with unknown fields': properties({ a: properties({ b: text }, { default: { c: 1 } }) }),
  'a pattern that is none': properties({ a: { ...text, pattern: '(' } }),
  uniqueItems: properties({ a: { ...numbers, uniqueItems: true } }),
  'a type in anyOf': properties({ a: { type: 'object', anyOf: [{ type: 'object' }] } }),
  'a description in anyOf': properties({
    a: { type: 'object', properties: { b: text }, anyOf: [{ description: 'x' }] },
  }),
  'a field that only anyOf knows': properties({
    a: { type: 'object', anyOf: [{ properties: { b: { minLength: 1 } } }] },
  }),
  'int-or-string with a type': properties({ a: { type: 'string', 'x-kubernetes-int-or-string': true } }),
  'required fields that are none': properties({ a: text }, { required: ['b'] }),
  'a rule that is right': rule('self.a.size() < 5', { a: { ...text, maxLength: 9 } }),
  'a rule that is no CEL': rule('self.a <', { a: text }),
  'a rule about a field that is not there': rule('self.b == 1', { a: text }),
  'a rule that is no boolean': rule('self.a', { a: text }),
  'a rule that compares a text with a number': rule('self.a == 1', { a: text }),
  'an empty rule': rule('', { a: text }),
  'a rule that costs too much': rule('self.a.all(x, self.a.all(y, x <= y))', { a: numbers }),
  'a rule that costs little by its bounds': rule('self.a.all(x, self.a.all(y, x <= y))', {
    a: { ...numbers, maxItems: 50 },
  }),
  'a message of two lines': rule("self.a != ''", { a: text }, { message: 'one\ntwo' }),
  'an empty message': rule("self.a != ''", { a: text }, { message: ' ' }),
  'a messageExpression that is no text': rule("self.a != ''", { a: text }, { messageExpression: '5' }),
  'a messageExpression that is no CEL': rule("self.a != ''", { a: text }, { messageExpression: "'a" }),
  'a reason that is none': rule("self.a != ''", { a: text }, { reason: 'Because' }),
  'a fieldPath that is right': rule("self.a != ''", { a: text }, { fieldPath: '.a' }),
  'a fieldPath to nowhere': rule("self.a != ''", { a: text }, { fieldPath: '.b' }),
  'oldSelf in a list': properties({
    a: {
      type: 'array',
      maxItems: 3,
      items: { ...text, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
    },
  }),
};

const MORE: Readonly<Record<string, Any>> = {
  'another plural than its name': { names: { plural: 'trees', kind: 'Plant' } },
  'a scope that is none': { scope: 'Global' },
  'no scope': { scope: undefined },
  'no versions': { versions: [] },
  'no kind': { names: { plural: 'plants' } },
  'a kind with a dash at its end': { names: { plural: 'plants', kind: 'Plant-' } },
  'a short name in capitals': { names: { plural: 'plants', kind: 'Plant', shortNames: ['PL'] } },
  'a plural in capitals': { names: { plural: 'Plants', kind: 'Plant' } },
};

const VERSION: Readonly<Record<string, Any>> = {
  'no schema': { schema: undefined },
  'not stored': { storage: false },
  'a version in capitals': { name: 'V1' },
  'a selectable field': { selectableFields: [{ jsonPath: '.spec.a' }] },
  'a selectable field that is not there': { selectableFields: [{ jsonPath: '.spec.b' }] },
  'a selectable field of metadata': { selectableFields: [{ jsonPath: '.metadata.name' }] },
  'a selectable field twice': { selectableFields: [{ jsonPath: '.spec.a' }, { jsonPath: '.spec.a' }] },
  'a column of no type': { additionalPrinterColumns: [{ name: 'A', type: 'text', jsonPath: '.spec.a' }] },
  'a column without a name': { additionalPrinterColumns: [{ type: 'string', jsonPath: '.spec.a' }] },
  'a column with a path that is none': {
    additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: 'spec.a' }],
  },
};

/** CustomResourceDefinitions, right and wrong. */
export function definitionFaultScene(): Scene {
  const post = (say: string, body: Any, query = ''): Question => ({
    say,
    method: 'POST',
    path: `${CRDS}?dryRun=All${query}`,
    body,
    brief: true,
  });
  const plain = properties({ a: text });
  const whole = definition(plain);
  const withVersion = (more: Any) => {
    const [version] = whole.spec.versions;
    return definition(plain, { versions: [{ ...version, ...more }] });
  };
  return {
    name: 'definition-faults',
    questions: [
      ...Object.entries(SPECS).map(([say, spec]) => post(`spec: ${say}`, definition(spec))),
      ...Object.entries(MORE).map(([say, more]) => post(`names: ${say}`, definition(plain, more))),
      ...Object.entries(VERSION).map(([say, more]) => post(`version: ${say}`, withVersion(more))),
      post(
        'two versions are stored',
        definition(plain, { versions: [whole.spec.versions[0], { ...whole.spec.versions[0], name: 'v2' }] }),
      ),
      post(
        'a version twice',
        definition(plain, {
          versions: [whole.spec.versions[0], { ...whole.spec.versions[0], storage: false }],
        }),
      ),
      post('a name that is another', { ...whole, metadata: { name: 'plants.example.org' } }),
      post('a group of Kubernetes', {
        ...definition(plain, { group: 'policy.k8s.io' }),
        metadata: { name: 'plants.policy.k8s.io' },
      }),
      post('an unknown field, Strict', definition(plain, { bogus: 1 }), '&fieldValidation=Strict'),
      post('a root without a type', definition(plain, {}, { type: undefined })),
      post(
        'metadata with a pattern',
        definition(
          plain,
          {},
          { properties: { spec: plain, metadata: properties({ name: { ...text, maxLength: 5 } }) } },
        ),
      ),
      post(
        'metadata with labels',
        definition(
          plain,
          {},
          { properties: { spec: plain, metadata: properties({ labels: { type: 'object' } }) } },
        ),
      ),
    ],
  };
}
