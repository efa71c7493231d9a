import { describe, expect, it } from 'vitest';
import { formatFields, parseFields, pathsOf } from '../../src/apiserver/apply/field-set.ts';
import type { Json } from '../../src/apiserver/json.ts';
import { podSchema } from '../../src/apiserver/kinds/pod-schema.ts';
import { applyJsonPatch } from '../../src/apiserver/patch/json-patch.ts';
import { applyMergePatch } from '../../src/apiserver/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '../../src/apiserver/patch/strategic-merge-patch.ts';
import { parseQuantity } from '../../src/apiserver/schema/quantity.ts';
import { parseLabelSelector, labelsMatch } from '../../src/apiserver/select/label-selector.ts';

/** RFC 6902, appendix A, and pointers of RFC 6901. `undefined`: the patch fails. */
const JSON_PATCHES: readonly (readonly [string, Json, readonly object[], Json | undefined])[] = [
  [
    'A.1 adds a field',
    { foo: 'bar' },
    [{ op: 'add', path: '/baz', value: 'qux' }],
    { baz: 'qux', foo: 'bar' },
  ],
  [
    'A.2 adds an item',
    { foo: ['bar', 'baz'] },
    [{ op: 'add', path: '/foo/1', value: 'qux' }],
    { foo: ['bar', 'qux', 'baz'] },
  ],
  ['A.3 removes a field', { baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
  [
    'A.4 removes an item',
    { foo: ['bar', 'qux', 'baz'] },
    [{ op: 'remove', path: '/foo/1' }],
    { foo: ['bar', 'baz'] },
  ],
  ['A.5 replaces a value', { baz: 'qux' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo' }],
  [
    'A.6 moves a value',
    { foo: { a: 1 }, q: {} },
    [{ op: 'move', from: '/foo/a', path: '/q/b' }],
    { foo: {}, q: { b: 1 } },
  ],
  [
    'A.7 moves an item',
    { foo: [1, 2, 3, 4] },
    [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
    { foo: [1, 3, 4, 2] },
  ],
  ['A.8 tests a value', { baz: 'qux' }, [{ op: 'test', path: '/baz', value: 'qux' }], { baz: 'qux' }],
  ['A.9 tests a value that differs', { baz: 'qux' }, [{ op: 'test', path: '/baz', value: 'bar' }], undefined],
  [
    'A.10 adds an object',
    { foo: 'bar' },
    [{ op: 'add', path: '/child', value: { g: {} } }],
    { foo: 'bar', child: { g: {} } },
  ],
  ['A.12 adds to nothing', { foo: 'bar' }, [{ op: 'add', path: '/baz/bat', value: 'qux' }], undefined],
  [
    'A.14 unescapes ~01',
    { '/': 9, '~1': 10 },
    [{ op: 'test', path: '/~01', value: 10 }],
    { '/': 9, '~1': 10 },
  ],
  [
    'A.16 adds a list',
    { foo: ['bar'] },
    [{ op: 'add', path: '/foo/-', value: ['a'] }],
    { foo: ['bar', ['a']] },
  ],
  ['copies a value', { a: { x: 1 } }, [{ op: 'copy', from: '/a', path: '/b' }], { a: { x: 1 }, b: { x: 1 } }],
  ['moves nothing into itself', { a: { b: {} } }, [{ op: 'move', from: '/a', path: '/a/b' }], undefined],
  ['replaces only what is there', {}, [{ op: 'replace', path: '/a', value: 1 }], undefined],
  ['removes only what is there', { a: [1] }, [{ op: 'remove', path: '/a/1' }], undefined],
  ['knows six operations', {}, [{ op: 'spam', path: '/a' }], undefined],
  ['has no index 01', { a: [1, 2] }, [{ op: 'remove', path: '/a/01' }], undefined],
];
describe('a JSON patch', () => {
  it.each(JSON_PATCHES)('%s', (_sentence, before, patch, after) => {
    const done = applyJsonPatch(before, patch as unknown as Json);
    expect(done.ok ? done.value : undefined).toEqual(after);
  });
});

/** RFC 7386, appendix A. */
const MERGE_PATCHES: readonly (readonly [Json, Json, Json])[] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];
describe('a merge patch', () => {
  it.each(MERGE_PATCHES)('of %j by %j gives %j', (target, patch, result) => {
    expect(applyMergePatch(target, patch)).toEqual(result);
  });
});

describe('a strategic merge patch', () => {
  const containers = (...list: Json[]) => ({ spec: { containers: list } });
  const a = { name: 'a', image: '1', args: ['x'] };
  const b = { name: 'b', image: '1' };
  const CASES: readonly (readonly [string, Json, Json, Json])[] = [
    [
      'merges items by their key',
      containers(a, b),
      containers({ name: 'b', image: '2' }),
      containers(a, { name: 'b', image: '2' }),
    ],
    ['appends new items', containers(a), containers(b), containers(a, b)],
    [
      'replaces lists without a key',
      containers(a),
      containers({ name: 'a', args: ['y'] }),
      containers({ ...a, args: ['y'] }),
    ],
    ['deletes an item', containers(a, b), containers({ name: 'a', $patch: 'delete' }), containers(b)],
    [
      'replaces a list when told',
      containers(a, b),
      containers({ $patch: 'replace' }, { name: 'c' }),
      containers({ name: 'c' }),
    ],
    [
      'replaces an object when told',
      { spec: { nodeName: 'n', hostNetwork: true } },
      { spec: { $patch: 'replace', nodeName: 'm' } },
      { spec: { nodeName: 'm' } },
    ],
    [
      'orders items',
      containers(a, b),
      {
        spec: {
          '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
          containers: [{ name: 'b', image: '2' }],
        },
      },
      containers({ name: 'b', image: '2' }, a),
    ],
    [
      'retains keys',
      { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
      { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/' } }] } },
      { spec: { volumes: [{ name: 'v', hostPath: { path: '/' } }] } },
    ],
    [
      'deletes from a set',
      { metadata: { finalizers: ['a', 'b'] } },
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } },
      { metadata: { finalizers: ['b'] } },
    ],
    [
      'adds to a set',
      { metadata: { finalizers: ['a'] } },
      { metadata: { finalizers: ['b', 'a'] } },
      { metadata: { finalizers: ['a', 'b'] } },
    ],
    [
      'removes by null',
      { metadata: { labels: { a: '1', b: '2' } } },
      { metadata: { labels: { a: null } } },
      { metadata: { labels: { b: '2' } } },
    ],
  ];
  it.each(CASES)('%s', (_sentence, target, patch, result) => {
    const done = applyStrategicMergePatch(target as never, patch as never, podSchema);
    expect(done.ok ? done.value : done.fault).toEqual(result);
  });
  it('refuses an item without its key', () => {
    const done = applyStrategicMergePatch(containers(a), containers({ image: '2' }), podSchema);
    expect(done).toEqual({
      ok: false,
      fault: 'map: {"image":"2"} does not contain declared merge key: name',
    });
  });
});

describe('a field set', () => {
  const fields = {
    'f:spec': {
      'f:ports': { '.': {}, 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:name': {} } },
      'f:replicas': {},
    },
    'f:metadata': { 'f:finalizers': { 'v:"x"': {} } },
  };
  it('reads and writes FieldsV1, and names paths as conflicts do', () => {
    const set = parseFields(fields);
    expect(formatFields(set)).toEqual(fields);
    expect([...pathsOf(set)].sort()).toEqual([
      '.metadata.finalizers[="x"]',
      '.spec.ports',
      '.spec.ports[containerPort=80,protocol="TCP"]',
      '.spec.ports[containerPort=80,protocol="TCP"].name',
      '.spec.replicas',
    ]);
  });
});

describe('a label selector', () => {
  const labels = { app: 'web', tier: 'front', n: '5', empty: '' };
  it.each<readonly [string, boolean]>([
    ['', true],
    ['app=web', true],
    ['app==web,tier!=back', true],
    ['app in (web, api)', true],
    ['app notin (web)', false],
    ['none notin (web)', true],
    ['!none,app', true],
    ['none', false],
    ['empty=', true],
    ['n>4,n<6', true],
    ['n>5', false],
  ])('%s', (text, matches) => {
    const selector = parseLabelSelector(text);
    expect(selector.ok && labelsMatch(selector.value, labels)).toBe(matches);
  });
});

describe('a quantity', () => {
  it.each<readonly [string, bigint | undefined]>([
    ['1', 10n ** 9n],
    ['100m', 10n ** 8n],
    ['0.1', 10n ** 8n],
    ['1Ki', 1024n * 10n ** 9n],
    ['2e3', 2000n * 10n ** 9n],
    ['-1.5', -15n * 10n ** 8n],
    ['1.5.5', undefined],
    ['m', undefined],
    ['', undefined],
  ])('%s', (text, value) => {
    expect(parseQuantity(text)).toBe(value);
  });
});
