import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Any, type Event, eventually, type Rig, startRig } from './rig.ts';

/** What is applied to a cluster before Muslin. */
const DEFINITIONS = fileURLToPath(new URL('../../../../crds', import.meta.url));

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const FOOS = '/apis/example.io/v1/namespaces/default/foos';
const MERGE = { 'content-type': 'application/merge-patch+json' };
const APPLY = { 'content-type': 'application/apply-patch+yaml' };
const text = { type: 'string' };

const SPEC = {
  type: 'object',
  required: ['order'],
  properties: {
    order: { type: 'number' },
    tier: { ...text, default: 'default' },
    port: { 'x-kubernetes-int-or-string': true },
    en: { ...text, enum: ['Allow', 'Deny'] },
    ip: { ...text, format: 'ipv4' },
    min: { type: 'integer', maximum: 10 },
    n: { ...text, nullable: true },
    imm: { ...text, 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'immutable' }] },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    list: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items: { type: 'object', required: ['k'], properties: { k: text, v: { ...text, default: 'dv' } } },
    },
  },
  'x-kubernetes-validations': [
    {
      rule: '!has(self.min) || double(self.min) < self.order',
      message: 'min must be < order',
      reason: 'FieldValueForbidden',
      fieldPath: '.min',
    },
  ],
};

function definition(
  plural: string,
  kind: string,
  spec: object,
  version: object = {},
  group = 'example.io',
): Any {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind, shortNames: [plural.slice(0, 2)] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
            },
          },
          subresources: { status: {} },
          ...version,
        },
      ],
    },
  };
}

const fooDefinition = definition('foos', 'Foo', SPEC, {
  selectableFields: [{ jsonPath: '.spec.tier' }],
  additionalPrinterColumns: [
    { name: 'Order', type: 'integer', jsonPath: '.spec.order' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});
const foo = (name: string, spec: object, more: object = {}) => ({
  apiVersion: 'example.io/v1',
  kind: 'Foo',
  metadata: { name },
  spec,
  ...more,
});

async function serve(body: Any): Promise<void> {
  const made = await rig.call('POST', CRDS, body);
  expect(made.body.message).toBeUndefined();
  const list = `/apis/${body.spec.group}/${body.spec.versions[0].name}/${body.spec.names.plural}`;
  await eventually(
    () => rig.call('GET', list),
    answer => answer.code === 200,
  );
}

describe('a definition', () => {
  it('that is not structural is refused', async () => {
    const bad = definition('foos', 'Foo', {}, { selectableFields: [{ jsonPath: '.spec.tier' }] });
    const { body } = await rig.call('POST', CRDS, bad);
    expect(body.message).toBe(
      'CustomResourceDefinition.apiextensions.k8s.io "foos.example.io" is invalid: [spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields, spec.selectableFields[0].jsonPath: Invalid value: ".spec.tier": is an invalid path: does not refer to a valid field]',
    );
    expect(body.details).toEqual({
      name: 'foos.example.io',
      group: 'apiextensions.k8s.io',
      kind: 'CustomResourceDefinition',
      causes: [
        {
          reason: 'FieldValueRequired',
          message: 'Required value: must not be empty for specified object fields',
          field: 'spec.validation.openAPIV3Schema.properties[spec].type',
        },
        {
          reason: 'FieldValueInvalid',
          message: 'Invalid value: ".spec.tier": is an invalid path: does not refer to a valid field',
          field: 'spec.selectableFields[0].jsonPath',
        },
      ],
    });
  });
  it.each<readonly [string, object, RegExp]>([
    ['a list without items', { type: 'array' }, /items: Required value: must be specified/],
    [
      'additionalProperties false',
      { type: 'object', additionalProperties: false },
      /must not be used with value false/,
    ],
    [
      'a type inside anyOf',
      { type: 'object', anyOf: [{ type: 'object' }] },
      /anyOf\[0\]\.type: Forbidden: must be empty to be structural/,
    ],
    ['uniqueItems', { type: 'array', items: text, uniqueItems: true }, /uniqueItems: Forbidden/],
    [
      'a pattern with look-ahead',
      { type: 'string', pattern: '^(?!x)' },
      /pattern: Invalid value.*valid regular expression/,
    ],
    [
      'properties beside additionalProperties',
      { type: 'object', properties: { a: text }, additionalProperties: text },
      /mutual exclusive/,
    ],
    [
      'a list key without default that is optional',
      {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: { type: 'object', properties: { k: text } },
      },
      /must have a default or be a required property/,
    ],
    [
      'a rule that is no CEL',
      { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.' }] },
      /rule: Invalid value.*compilation failed/,
    ],
    [
      'a rule with an unknown function',
      { type: 'object', 'x-kubernetes-validations': [{ rule: 'nope(self)' }] },
      /compilation failed/,
    ],
  ])('with %s is refused', async (_sentence, spec, message) => {
    const { code, body } = await rig.call('POST', CRDS, definition('bars', 'Bar', spec));
    expect([code, body.message]).toEqual([422, expect.stringMatching(message)]);
  });
  it.each(readdirSync(DEFINITIONS).filter(name => name.endsWith('.yaml')))(
    'of this repository is accepted: %s',
    async name => {
      const yaml = readFileSync(join(DEFINITIONS, name), 'utf8');
      const { code, body } = await rig.call('POST', `${CRDS}?dryRun=All&fieldValidation=Strict`, yaml, {
        'content-type': 'application/yaml',
      });
      expect([code, body.message]).toEqual([201, undefined]);
    },
  );
  it('is established and then served and discovered', async () => {
    const made = await rig.call('POST', CRDS, fooDefinition);
    expect(made.code).toBe(201);
    expect(made.body.status).toMatchObject({
      acceptedNames: { plural: '', kind: '' },
      storedVersions: ['v1'],
    });
    const { body } = await eventually(
      () => rig.call('GET', `${CRDS}/foos.example.io`),
      answer => answer.body.status.conditions?.length === 2,
    );
    expect(body.status.conditions.map((item: Any) => `${item.type}=${item.status}/${item.reason}`)).toEqual([
      'NamesAccepted=True/NoConflicts',
      'Established=True/InitialNamesAccepted',
    ]);
    expect(body.status.acceptedNames).toEqual({
      plural: 'foos',
      singular: 'foo',
      shortNames: ['fo'],
      kind: 'Foo',
      listKind: 'FooList',
    });
    const { body: list } = await rig.call('GET', '/apis/example.io/v1');
    expect(list).toMatchObject({ kind: 'APIResourceList', groupVersion: 'example.io/v1' });
    expect(list.resources).toMatchObject([
      { name: 'foos', singularName: 'foo', namespaced: true, kind: 'Foo', shortNames: ['fo'] },
      {
        name: 'foos/status',
        singularName: '',
        namespaced: true,
        kind: 'Foo',
        verbs: ['get', 'patch', 'update'],
      },
    ]);
    expect([...list.resources[0].verbs].sort()).toEqual([
      'create',
      'delete',
      'deletecollection',
      'get',
      'list',
      'patch',
      'update',
      'watch',
    ]);
  });
});

const UNCHECKED =
  ', <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]';

describe('an object of a definition', () => {
  it('is pruned with a warning and defaulted, and starts at generation 1 without status', async () => {
    const spec = {
      bogus: 1,
      order: 5,
      port: 'web',
      n: null,
      free: { x: { y: 1 } },
      list: [{ k: '1' }],
      imm: '1',
    };
    const { code, body, headers } = await rig.call('POST', FOOS, foo('a', spec, { status: { no: 1 } }));
    expect([code, headers['warning']]).toEqual([201, '299 - "unknown field \\"spec.bogus\\""']);
    const { bogus: _bogus, ...known } = spec;
    expect(body.spec).toEqual({ ...known, list: [{ k: '1', v: 'dv' }], tier: 'default' });
    expect([body.status, body.metadata.generation]).toEqual([undefined, 1]);
  });

  it.each<readonly [string, object, string]>([
    ['a required field', {}, `[spec.order: Required value${UNCHECKED}`],
    [
      'unique list keys',
      { order: 1, list: [{ k: '1' }, { k: '1' }] },
      'spec.list[1]: Duplicate value: {"k":"1"}',
    ],
    [
      'a value of the enum',
      { order: 1, en: 'X' },
      `[spec.en: Unsupported value: "X": supported values: "Allow", "Deny"${UNCHECKED}`,
    ],
    [
      'the format',
      { order: 1, ip: '300.1.1.1' },
      `[spec.ip: Invalid value: "300.1.1.1": spec.ip in body must be of type ipv4: "300.1.1.1"${UNCHECKED}`,
    ],
    [
      'the maximum',
      { order: 20, min: 11 },
      'spec.min: Invalid value: 11: spec.min in body should be less than or equal to 10',
    ],
    ['its rules', { order: 1, min: 2 }, 'spec.min: Forbidden: min must be < order'],
    [
      'the type',
      { order: 'x' },
      `[spec.order: Invalid value: "string": spec.order in body must be of type number: "string"${UNCHECKED}`,
    ],
  ])('must have %s', async (_sentence, spec, message) => {
    const { code, body } = await rig.call('POST', FOOS, foo('b', spec));
    expect([code, body.reason, body.message]).toEqual([
      422,
      'Invalid',
      `Foo.example.io "b" is invalid: ${message}`,
    ]);
    expect(body.details).toMatchObject({ name: 'b', group: 'example.io', kind: 'Foo' });
  });
  it('is refused with reasons per cause', async () => {
    const { body } = await rig.call('POST', FOOS, foo('b', { order: 1, min: 2 }));
    expect(body.details.causes).toEqual([
      { reason: 'FieldValueForbidden', message: 'Forbidden: min must be < order', field: 'spec.min' },
    ]);
  });
  it('gets the default for a null where null is not allowed', async () => {
    const { body } = await rig.call('POST', FOOS, foo('nul', { order: 1, tier: null }));
    expect(body.spec).toEqual({ order: 1, tier: 'default' });
  });
  it('takes a fraction for a number', async () => {
    expect((await rig.call('POST', FOOS, foo('fl', { order: 1.5 }))).code).toBe(201);
  });
  it('needs its version for a PUT', async () => {
    const { code, body } = await rig.call('PUT', `${FOOS}/a`, foo('a', { order: 5 }));
    expect([code, body.message]).toEqual([
      422,
      'foos.example.io "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    ]);
    expect(body.details).toEqual({
      name: 'a',
      group: 'example.io',
      kind: 'foos',
      causes: [
        {
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 0: must be specified for an update',
          field: 'metadata.resourceVersion',
        },
      ],
    });
  });
  it('has two doors: spec and metadata by the one, status by the other', async () => {
    const { body: old } = await rig.call('GET', `${FOOS}/a`);
    const main = await rig.call('PUT', `${FOOS}/a`, {
      ...old,
      spec: { ...old.spec, order: 6 },
      metadata: { ...old.metadata, labels: { z: '1' } },
      status: { no: true },
    });
    expect([main.body.metadata.generation, main.body.status]).toEqual([2, undefined]);
    const changed = {
      ...main.body,
      spec: { order: 99 },
      status: { ok: true },
      metadata: { ...main.body.metadata, annotations: { a: 'b' } },
    };
    const status = await rig.call('PUT', `${FOOS}/a/status`, changed);
    expect([status.body.metadata.generation, status.body.spec.order, status.body.status]).toEqual([
      2,
      6,
      { ok: true },
    ]);
    expect([status.body.metadata.labels, status.body.metadata.annotations]).toEqual([{ z: '1' }, undefined]);
    const label = await rig.call('PATCH', `${FOOS}/a`, { metadata: { labels: { z: '2' } } }, MERGE);
    expect(label.body.metadata.generation).toBe(2);
  });
  it('knows no strategic merge', async () => {
    const { code, body } = await rig.call(
      'PATCH',
      `${FOOS}/a`,
      {},
      { 'content-type': 'application/strategic-merge-patch+json' },
    );
    expect([code, body.message]).toEqual([
      415,
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    ]);
  });
  it('has lists that a merge patch replaces and apply merges by key', async () => {
    const merged = await rig.call('PATCH', `${FOOS}/a`, { spec: { list: [{ k: '2' }] } }, MERGE);
    expect(merged.body.spec.list).toEqual([{ k: '2', v: 'dv' }]);
    const applied = await rig.call(
      'PATCH',
      `${FOOS}/a?fieldManager=m`,
      foo('a', { list: [{ k: '3', v: 'x' }] }),
      APPLY,
    );
    expect(applied.body.spec.list).toEqual([
      { k: '2', v: 'dv' },
      { k: '3', v: 'x' },
    ]);
  });
  it('obeys transition rules', async () => {
    const { code, body } = await rig.call('PATCH', `${FOOS}/a`, { spec: { imm: '2' } }, MERGE);
    expect([code, body.message]).toEqual([
      422,
      'Foo.example.io "a" is invalid: spec.imm: Invalid value: "2": immutable',
    ]);
  });
  it('can be selected by the named fields only', async () => {
    expect((await rig.call('GET', `${FOOS}?fieldSelector=spec.tier%3Ddefault`)).body.items).toHaveLength(3);
    expect((await rig.call('GET', `${FOOS}?fieldSelector=spec.tier%3Dother`)).body.items).toHaveLength(0);
    const { code, body } = await rig.call('GET', `${FOOS}?fieldSelector=spec.order%3D1`);
    expect([code, body.message]).toEqual([400, 'field label not supported: spec.order']);
  });
  it('shows its own columns, and its kind in lists', async () => {
    const { body } = await rig.call('GET', FOOS, undefined, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    });
    expect(body.columnDefinitions.map((column: Any) => `${column.name}:${column.type}`)).toEqual([
      'Name:string',
      'Order:integer',
      'Age:date',
    ]);
    expect(body.rows[0].cells).toEqual(['a', 6, expect.stringMatching(/^\d+s$/)]);
    const list = (await rig.call('GET', FOOS)).body;
    expect([list.kind, list.items[0].kind, list.items[0].apiVersion]).toEqual([
      'FooList',
      'Foo',
      'example.io/v1',
    ]);
  });
  it('reads with a default that came later, at the same version', async () => {
    const before = (await rig.call('GET', `${FOOS}/a`)).body;
    const { body } = await rig.call('GET', `${CRDS}/foos.example.io`);
    const version = body.spec.versions[0];
    version.schema.openAPIV3Schema.properties.spec.properties.nf = { ...text, default: 'nf' };
    body.spec.versions.push({ ...version, name: 'v2', storage: false });
    const changed = await rig.call('PUT', `${CRDS}/foos.example.io`, body);
    expect([changed.code, changed.body.status.storedVersions]).toEqual([200, ['v1']]);
    const after = (await rig.call('GET', `${FOOS}/a`)).body;
    expect([after.spec.nf, after.metadata.resourceVersion]).toEqual(['nf', before.metadata.resourceVersion]);
    const other = (await rig.call('GET', '/apis/example.io/v2/namespaces/default/foos/a')).body;
    expect([other.apiVersion, other.kind, other.metadata.resourceVersion]).toEqual([
      'example.io/v2',
      'Foo',
      before.metadata.resourceVersion,
    ]);
  });
  it('goes with its definition, and watchers see it go', async () => {
    const start = (await rig.call('GET', FOOS)).body.metadata.resourceVersion;
    const watching = rig.watch(
      `${FOOS}?watch=true&resourceVersion=${start}`,
      (events: readonly Event[]) => events.length >= 3,
    );
    await rig.call('DELETE', `${CRDS}/foos.example.io`);
    expect((await watching).map(({ type, object }) => [type, object.metadata.name])).toEqual([
      ['DELETED', 'a'],
      ['DELETED', 'fl'],
      ['DELETED', 'nul'],
    ]);
    await eventually(
      () => rig.call('GET', FOOS),
      answer => answer.code === 404,
    );
    expect((await rig.call('GET', `${CRDS}/foos.example.io`)).code).toBe(404);
  });
});

/** An object with its type, which custom kinds can't do without. */
function typed(kind: string, rest: object, group = 'example.io'): object {
  return { apiVersion: `${group}/v1`, kind, ...rest };
}

describe('a watch', () => {
  it('follows the changes of a definition, and ends with it', async () => {
    const body = definition('waves', 'Wave', { type: 'object', properties: { a: text } });
    await serve(body);
    const path = '/apis/example.io/v1/namespaces/default/waves';
    const watching = rig.watch(`${path}?watch=true`, () => false);
    await rig.call('POST', path, typed('Wave', { metadata: { name: 'one' }, spec: { a: '1', b: '1' } }));
    const { body: stored } = await rig.call('GET', `${CRDS}/waves.example.io`);
    stored.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.b = { ...text, default: 'd' };
    expect((await rig.call('PUT', `${CRDS}/waves.example.io`, stored)).code).toBe(200);
    await rig.call('POST', path, typed('Wave', { metadata: { name: 'two' }, spec: { b: '2' } }));
    await rig.call('DELETE', `${CRDS}/waves.example.io`);
    expect((await watching).map(({ type, object }) => [type, object.metadata.name, object.spec])).toEqual([
      ['ADDED', 'one', { a: '1' }],
      ['ADDED', 'two', { b: '2' }],
      ['DELETED', 'one', { a: '1', b: 'd' }],
      ['DELETED', 'two', { b: '2' }],
    ]);
  });
});

describe('a stricter definition', () => {
  it('leaves alone what updates leave alone', async () => {
    const body = definition('ratchets', 'Ratchet', { type: 'object', properties: { a: text, b: text } });
    await serve(body);
    const path = '/apis/example.io/v1/namespaces/default/ratchets';
    await rig.call('POST', path, typed('Ratchet', { metadata: { name: 'r' }, spec: { a: 'long', b: 'x' } }));
    const { body: stored } = await rig.call('GET', `${CRDS}/ratchets.example.io`);
    const { properties } = stored.spec.versions[0].schema.openAPIV3Schema.properties.spec;
    properties.a = { ...text, maxLength: 2, 'x-kubernetes-validations': [{ rule: "self != 'long'" }] };
    expect((await rig.call('PUT', `${CRDS}/ratchets.example.io`, stored)).code).toBe(200);
    expect((await rig.call('PATCH', `${path}/r`, { spec: { b: 'y' } }, MERGE)).body.spec).toEqual({
      a: 'long',
      b: 'y',
    });
    expect((await rig.call('PATCH', `${path}/r`, { spec: { a: 'longer' } }, MERGE)).code).toBe(422);
    const fresh = typed('Ratchet', { metadata: { name: 's' }, spec: { a: 'long' } });
    expect((await rig.call('POST', path, fresh)).code).toBe(422);
  });
});

describe('rules', () => {
  const RULES: readonly (readonly [rule: string, good: object, bad: object])[] = [
    ['!has(self.cidr) || isCIDR(self.cidr)', { cidr: '10.0.0.0/8' }, { cidr: '10.0.0.0' }],
    [
      'cidr(self.cidr).containsIP(ip(self.ip))',
      { cidr: '10.0.0.0/8', ip: '10.1.1.1' },
      { cidr: '10.0.0.0/8', ip: '11.1.1.1' },
    ],
    ["cidr(self.cidr).containsCIDR('10.1.0.0/16')", { cidr: '10.0.0.0/8' }, { cidr: '10.1.2.0/24' }],
    [
      'cidr(self.cidr).prefixLength() >= 16 && cidr(self.cidr).ip().family() == 6',
      { cidr: 'fd00::/64' },
      { cidr: '10.0.0.0/24' },
    ],
    ['cidr(self.cidr).masked() == cidr(self.cidr)', { cidr: '10.0.0.0/8' }, { cidr: '10.0.0.1/8' }],
    ['isIP(self.ip) && !ip(self.ip).isLoopback()', { ip: '10.0.0.1' }, { ip: '127.0.0.1' }],
    ['string(ip(self.ip)) == self.ip', { ip: 'fd00::1' }, { ip: 'fd00:0::1' }],
    ['self.list.all(x, x > 3)', { list: [4, 5] }, { list: [4, 2] }],
    ['self.list.exists_one(x, x == 3) && size(self.list) < 4', { list: [3, 1] }, { list: [3, 3] }],
    ['self.list.isSorted() && self.list.sum() == 6', { list: [1, 2, 3] }, { list: [3, 2, 1] }],
    ['self.list.map(x, x * 2).max() < 10', { list: [4] }, { list: [5] }],
    ["self.text.matches('^[a-z]+$') && self.text.startsWith('a')", { text: 'ab' }, { text: 'Ab' }],
    ["self.text.split(',').size() == 2", { text: 'a,b' }, { text: 'a' }],
    ["quantity(self.text).isLessThan(quantity('1Gi'))", { text: '900Mi' }, { text: '1100Mi' }],
    ['self.count + 1 < 5', { count: 3 }, { count: 4 }],
    ["self.map.all(k, k.size() < 3 && self.map[k] != 'no')", { map: { a: 'yes' } }, { map: { a: 'no' } }],
    ["type(self.ios) == int ? self.ios > 0 : self.ios == 'any'", { ios: 'any' }, { ios: 0 }],
    ["self.__namespace__ == 'x'", { namespace: 'x' }, { namespace: 'y' }],
    ["[self.a, self.b].filter(x, x != '').size() == 1", { a: 'x', b: '' }, { a: 'x', b: 'y' }],
    ["sets.contains(['a', 'b'], self.texts)", { texts: ['a'] }, { texts: ['c'] }],
    ["self.?text.orValue('a') == 'a'", {}, { text: 'b' }],
  ];
  const properties = {
    cidr: text,
    ip: text,
    text,
    a: text,
    b: text,
    namespace: text,
    count: { type: 'integer' },
    list: { type: 'array', items: { type: 'integer' }, maxItems: 1_000 },
    texts: { type: 'array', items: text },
    map: { type: 'object', additionalProperties: text },
    ios: { 'x-kubernetes-int-or-string': true },
  };
  it.each(RULES.map((row, i) => [...row, i] as const))('%s', async (rule, good, bad, i) => {
    const plural = `rules${i}`;
    await serve(
      definition(
        plural,
        `Rule${i}`,
        { type: 'object', properties, 'x-kubernetes-validations': [{ rule }] },
        {},
        `r${i}.example.io`,
      ),
    );
    const path = `/apis/r${i}.example.io/v1/namespaces/default/${plural}`;
    const rule1 = (name: string, spec: object) =>
      typed(`Rule${i}`, { metadata: { name }, spec }, `r${i}.example.io`);
    const made = await rig.call('POST', path, rule1('good', good));
    expect(made.body.message).toBeUndefined();
    const refused = await rig.call('POST', path, rule1('bad', bad));
    expect([refused.code, refused.body.details?.causes?.[0]]).toEqual([
      422,
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: failed rule: ${rule}`,
        field: 'spec',
      },
    ]);
  });
  it('that would cost too much are refused with the definition', async () => {
    const nested = (more: object) => ({
      type: 'object',
      properties: { list: { type: 'array', items: { type: 'integer' }, ...more } },
      'x-kubernetes-validations': [{ rule: 'self.list.all(a, self.list.all(b, a + b >= 0))' }],
    });
    const { code, body } = await rig.call('POST', CRDS, definition('costs', 'Cost', nested({})));
    expect([code, body.message]).toEqual([
      422,
      expect.stringContaining(
        'properties[spec].x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)',
      ),
    ]);
    expect(
      (await rig.call('POST', `${CRDS}?dryRun=All`, definition('costs', 'Cost', nested({ maxItems: 100 }))))
        .code,
    ).toBe(201);
  });
  it('about the state before are refused where it cannot be found', async () => {
    const list = (more: object) => ({
      type: 'object',
      properties: {
        list: {
          ...{ type: 'array', maxItems: 3, ...more },
          items: {
            ...{ type: 'object', required: ['k'], properties: { k: text } },
            'x-kubernetes-validations': [{ rule: 'self.k == oldSelf.k' }],
          },
        },
      },
    });
    const made = (more: object) =>
      rig.call('POST', `${CRDS}?dryRun=All`, definition('olds', 'Old', list(more)));
    expect((await made({})).body.message).toContain('oldSelf cannot be used on the uncorrelatable portion');
    const map = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] };
    expect((await made(map)).code).toBe(201);
  });
  it('that would loop for too long are refused at once', async () => {
    const rule = 'self.list.all(a, self.list.all(b, self.list.all(c, a + b + c >= 0)))';
    const properties = { list: { type: 'array', items: { type: 'integer' }, maxItems: 101 } };
    await serve(
      definition('loops', 'Loop', { type: 'object', properties, 'x-kubernetes-validations': [{ rule }] }),
    );
    const list = Array.from({ length: 101 }, (_, i) => i);
    const last = typed('Loop', { metadata: { name: 'y' }, spec: { list: list.slice(0, 50) } });
    expect((await rig.call('POST', '/apis/example.io/v1/namespaces/default/loops', last)).code).toBe(201);
    const start = Date.now();
    const { code, body } = await rig.call('POST', '/apis/example.io/v1/namespaces/default/loops', {
      ...typed('Loop', { metadata: { name: 'x' }, spec: { list } }),
    });
    expect([code, body.message]).toEqual([422, expect.stringContaining('call cost exceeds limit')]);
    expect(Date.now() - start).toBeLessThan(500);
  });
  it('may be about the name and the kind', async () => {
    const body = definition('singles', 'Single', { type: 'object' });
    const schema = body.spec.versions[0].schema.openAPIV3Schema;
    schema.properties.metadata = { type: 'object', properties: { name: { ...text, maxLength: 7 } } };
    schema.required = ['apiVersion', 'kind', 'metadata'];
    schema['x-kubernetes-validations'] = [
      { rule: "self.metadata.name == 'default' && self.kind == 'Single'" },
    ];
    await serve(body);
    const path = '/apis/example.io/v1/namespaces/default/singles';
    expect((await rig.call('POST', path, typed('Single', { metadata: { name: 'default' } }))).code).toBe(201);
    expect(
      (await rig.call('POST', path, typed('Single', { metadata: { name: 'other' } }))).body.details.causes[0]
        .field,
    ).toBe('<nil>');
    const long = await rig.call('POST', path, typed('Single', { metadata: { name: 'much-too-long' } }));
    expect(long.body.details.causes[0]).toMatchObject({
      reason: 'FieldValueTooLong',
      field: 'metadata.name',
    });
  });
  it('say what messageExpression says', async () => {
    const rules = [{ rule: 'self.count > 3', messageExpression: "'count is ' + string(self.count)" }];
    await serve(definition('says', 'Say', { type: 'object', properties, 'x-kubernetes-validations': rules }));
    const { body } = await rig.call('POST', '/apis/example.io/v1/namespaces/default/says', {
      ...typed('Say', { metadata: { name: 'x' }, spec: { count: 2 } }),
    });
    expect(body.message).toBe('Say.example.io "x" is invalid: spec: Invalid value: count is 2');
  });
});
