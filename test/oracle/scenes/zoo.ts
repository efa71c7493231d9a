import type { Any } from '../question.ts';

const text = { type: 'string' };
const whole = { type: 'integer' };

/** A definition with everything that a schema may hold, for what Muslin's own kinds don't have. */
export const ZOO: Any = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'animals.zoo.example.org' },
  spec: {
    group: 'zoo.example.org',
    scope: 'Namespaced',
    names: {
      plural: 'animals',
      singular: 'animal',
      kind: 'Animal',
      listKind: 'AnimalList',
      shortNames: ['ani'],
      categories: ['all', 'zoo'],
    },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
        },
        selectableFields: [
          { jsonPath: '.spec.color' },
          { jsonPath: '.spec.count' },
          { jsonPath: '.spec.wild' },
        ],
        additionalPrinterColumns: [
          { name: 'Color', type: 'string', jsonPath: '.spec.color' },
          { name: 'Count', type: 'integer', jsonPath: '.spec.count' },
          { name: 'Weight', type: 'number', jsonPath: '.spec.weight', priority: 1 },
          { name: 'Wild', type: 'boolean', jsonPath: '.spec.wild' },
          { name: 'Born', type: 'date', jsonPath: '.spec.born' },
          { name: 'Tags', type: 'string', jsonPath: '.spec.tags', description: 'What it is known for' },
          { name: 'First', type: 'string', jsonPath: '.spec.meals[0].name' },
          { name: 'Meals', type: 'string', jsonPath: '.spec.meals[*].name' },
          { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                properties: {
                  replicas: { ...whole, default: 1, minimum: 0 },
                  color: { ...text, default: 'grey', enum: ['grey', 'red', 'blue'] },
                  count: { ...whole, format: 'int32', minimum: 0, maximum: 100, multipleOf: 2 },
                  big: { ...whole, format: 'int64' },
                  weight: {
                    type: 'number',
                    exclusiveMinimum: true,
                    minimum: 0,
                    exclusiveMaximum: true,
                    maximum: 10,
                  },
                  wild: { type: 'boolean' },
                  born: { ...text, format: 'date-time' },
                  day: { ...text, format: 'date' },
                  takes: { ...text, format: 'duration' },
                  ip4: { ...text, format: 'ipv4' },
                  ip6: { ...text, format: 'ipv6' },
                  net: { ...text, format: 'cidr' },
                  mac: { ...text, format: 'mac' },
                  id: { ...text, format: 'uuid' },
                  uri: { ...text, format: 'uri' },
                  email: { ...text, format: 'email' },
                  host: { ...text, format: 'hostname' },
                  bytes: { ...text, format: 'byte' },
                  name: { ...text, minLength: 2, maxLength: 5, pattern: '^[a-z]*$' },
                  port: { 'x-kubernetes-int-or-string': true },
                  portOf: {
                    'x-kubernetes-int-or-string': true,
                    anyOf: [{ type: 'integer' }, { type: 'string' }],
                    pattern: '^[a-z]+$',
                  },
                  maybe: { ...text, nullable: true },
                  maybeDefault: { ...text, nullable: true, default: 'd' },
                  tags: { type: 'array', items: text, 'x-kubernetes-list-type': 'set', maxItems: 4 },
                  words: { type: 'array', items: text, minItems: 1, 'x-kubernetes-list-type': 'atomic' },
                  plain: { type: 'array', items: text },
                  meals: {
                    type: 'array',
                    maxItems: 10,
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['name', 'time'],
                    items: {
                      type: 'object',
                      required: ['name'],
                      properties: {
                        name: { ...text, maxLength: 20 },
                        time: { ...text, default: 'noon' },
                        grams: { ...whole, minimum: 1 },
                      },
                    },
                  },
                  labels: { type: 'object', additionalProperties: text, maxProperties: 3, minProperties: 1 },
                  counts: { type: 'object', additionalProperties: whole },
                  box: {
                    type: 'object',
                    'x-kubernetes-map-type': 'atomic',
                    properties: { a: text, b: text },
                  },
                  free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                  half: {
                    type: 'object',
                    'x-kubernetes-preserve-unknown-fields': true,
                    properties: { known: { type: 'object', properties: { a: text } } },
                  },
                  one: {
                    type: 'object',
                    properties: { a: text, b: text },
                    oneOf: [{ required: ['a'] }, { required: ['b'] }],
                  },
                  some: {
                    type: 'object',
                    properties: { a: text, b: text },
                    anyOf: [{ required: ['a'] }, { required: ['b'] }],
                  },
                  none: { type: 'object', properties: { a: text, b: text }, not: { required: ['a', 'b'] } },
                  every: {
                    type: 'object',
                    properties: { a: text, b: text },
                    allOf: [{ required: ['a'] }, { required: ['b'] }],
                  },
                  deep: {
                    type: 'object',
                    default: {},
                    properties: {
                      a: { type: 'object', properties: { b: { ...text, default: 'deep' } } },
                      c: { ...whole, default: 3 },
                    },
                  },
                  fixed: {
                    ...text,
                    'x-kubernetes-validations': [
                      { rule: 'self == oldSelf', message: 'fixed may not change' },
                    ],
                  },
                  low: whole,
                  high: whole,
                  secret: text,
                  once: {
                    ...text,
                    maxLength: 20,
                    'x-kubernetes-validations': [
                      {
                        rule: '!oldSelf.hasValue() || self == oldSelf.value()',
                        optionalOldSelf: true,
                        message: 'once set, it stays',
                      },
                    ],
                  },
                  even: {
                    ...whole,
                    'x-kubernetes-validations': [
                      { rule: 'self % 2 == 0', messageExpression: "'%d is odd'.format([self])" },
                    ],
                  },
                  silent: { ...text, 'x-kubernetes-validations': [{ rule: "self != 'no'" }] },
                  amount: {
                    ...text,
                    maxLength: 20,
                    'x-kubernetes-validations': [
                      {
                        rule: 'isQuantity(self) && quantity(self).isGreaterThan(quantity("1Gi"))',
                        message: 'amount must be more than 1Gi',
                      },
                    ],
                  },
                  address: {
                    ...text,
                    maxLength: 64,
                    'x-kubernetes-validations': [
                      {
                        rule: "isIP(self) && ip(self).family() == 4 && cidr('10.0.0.0/8').containsIP(self)",
                        message: 'address must be in 10.0.0.0/8',
                      },
                    ],
                  },
                  divisor: { ...whole, 'x-kubernetes-validations': [{ rule: '10 / self > 1' }] },
                },
                'x-kubernetes-validations': [
                  {
                    rule: '!has(self.low) || !has(self.high) || self.low <= self.high',
                    message: 'low must be at most high',
                    fieldPath: '.low',
                    reason: 'FieldValueForbidden',
                  },
                  {
                    rule: '!has(self.secret) || has(self.name)',
                    message: 'a secret needs a name',
                    fieldPath: '.name',
                    reason: 'FieldValueRequired',
                  },
                  {
                    rule: "!has(self.meals) || self.meals.all(m, m.name != 'stones')",
                    message: 'nobody eats stones',
                    fieldPath: '.meals',
                  },
                  {
                    rule: "!has(self.tags) || !('a' in self.tags && 'z' in self.tags)",
                    message: 'a and z are the same tag',
                    fieldPath: '.tags',
                    reason: 'FieldValueDuplicate',
                  },
                ],
              },
              status: {
                type: 'object',
                properties: {
                  replicas: whole,
                  selector: text,
                  phase: { ...text, default: 'New' },
                  conditions: {
                    type: 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['type'],
                    items: { type: 'object', required: ['type'], properties: { type: text, status: text } },
                  },
                },
              },
            },
          },
        },
      },
      {
        name: 'v1beta1',
        served: true,
        storage: false,
        deprecated: true,
        deprecationWarning: 'zoo.example.org/v1beta1 Animal is old; use v1',
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};
