import { BUILT_IN_TIERS, NORMALISED_KINDS, normalise, SnapshotStore, snapshotOf } from '@muslin/api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const pod = (name: string, status: unknown = {}, spec: unknown = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name, labels: { app: name } },
  spec,
  status,
});
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'ns', name: 'web' },
  spec: { clusterIPs: ['10.96.0.1', 'fd00::1'], ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
};
const slice = (name: string, addresses: string[], ready?: boolean) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  addressType: 'IPv4',
  metadata: { namespace: 'ns', name, labels: { 'kubernetes.io/service-name': 'web' } },
  endpoints: [{ addresses, ...(ready !== undefined && { conditions: { ready } }) }],
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
});
const tier = (name: string, spec: unknown) => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'Tier',
  metadata: { name },
  spec,
});
const gnp = (name: string, spec: unknown) => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'GlobalNetworkPolicy',
  metadata: { name },
  spec,
});

describe('SnapshotStore', () => {
  test('the built-in tiers are always there, also after someone wrote and deleted one', () => {
    const store = new SnapshotStore();
    expect([...store.snapshot.tiers]).toEqual([...BUILT_IN_TIERS]);
    expect(store.upsert(tier('default', { order: 5, defaultAction: 'Pass' }))).toMatchObject({
      changes: [],
      findings: [{ path: 'spec.order' }, { path: 'spec.defaultAction' }],
    });
    expect(store.delete(tier('default', {}))).toEqual([]);
    expect(store.snapshot.tiers.get('default')).toEqual({
      name: 'default',
      order: 1_000_000,
      defaultAction: 'Deny',
    });
  });

  test('saying the same again changes nothing; a change says what', () => {
    const store = new SnapshotStore();
    const change = { type: 'endpoint', key: 'pod/ns/a' };
    expect(store.upsert(pod('a')).changes).toMatchObject([change]);
    expect(store.upsert(pod('a')).changes).toEqual([]);
    expect(store.upsert(pod('a', { podIP: '10.0.0.1' })).changes).toMatchObject([
      { ...change, value: { ips: [{ family: 4 }] } },
    ]);
    expect(store.delete({ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'ns', name: 'a' } })).toEqual(
      [{ ...change, value: undefined }],
    );
    expect(store.delete(pod('a'))).toEqual([]);
  });

  test('an object that becomes invalid leaves, with findings; mended it returns', () => {
    const store = new SnapshotStore();
    const good = gnp('p', { selector: 'has(a)' });
    store.upsert(good);
    const { changes, findings } = store.upsert(gnp('p', { selector: 'has(' }));
    expect(changes).toEqual([{ type: 'policy', key: 'gnp/p', value: undefined }]);
    expect(findings).toMatchObject([{ severity: 'error', path: 'spec.selector' }]);
    expect(store.findings).toEqual(findings);
    expect(store.upsert(good).changes).toMatchObject([{ key: 'gnp/p' }]);
    expect(store.findings).toEqual([]);
  });

  test('a Service has the backends of all its slices, whichever came first', () => {
    const store = new SnapshotStore();
    expect(store.upsert(slice('b', ['10.0.0.2'])).changes).toEqual([]);
    store.upsert(service);
    store.upsert(slice('a', ['10.0.0.1', '10.0.0.2'], false));
    const ready = () => store.snapshot.services.get('ns/web')?.backends.map(backend => backend.ready);
    expect(ready()).toEqual([false, true]);
    store.delete(slice('b', []));
    expect(ready()).toEqual([false, false]);
    expect(store.delete(service)).toEqual([{ type: 'service', key: 'ns/web', value: undefined }]);
  });

  test('a slice that moves to another Service takes its backends along', () => {
    const store = new SnapshotStore();
    const metadata = { namespace: 'ns', name: 'db' };
    store.upsert({
      apiVersion: 'v1',
      kind: 'List',
      items: [service, { ...service, metadata }, slice('b', ['10.0.0.2'])],
    });
    const labels = { 'kubernetes.io/service-name': 'db' };
    const moved = { ...slice('b', ['10.0.0.2']), metadata: { namespace: 'ns', name: 'b', labels } };
    expect(store.upsert(moved).changes).toMatchObject([{ key: 'ns/web' }, { key: 'ns/db' }]);
    store.upsert(slice('a', ['10.0.0.1']));
    const count = (key: string) => store.snapshot.services.get(key)?.backends.length;
    expect([count('ns/web'), count('ns/db')]).toEqual([1, 1]);
  });

  test('a List is its items, also a typed one whose items lack kind and apiVersion', () => {
    const { apiVersion: _, kind: __, ...bare } = pod('a');
    const store = new SnapshotStore();
    store.upsert({ apiVersion: 'v1', kind: 'PodList', items: [bare] });
    store.upsert({ apiVersion: 'v1', kind: 'List', items: [pod('b'), tier('t', {})] });
    expect([...store.snapshot.endpoints.keys()]).toEqual(['pod/ns/a', 'pod/ns/b']);
    expect(store.snapshot.tiers.get('t')).toEqual({
      name: 't',
      order: Number.POSITIVE_INFINITY,
      defaultAction: 'Deny',
    });
    expect(store.delete({ apiVersion: 'v1', kind: 'List', items: [pod('b')] })).toHaveLength(1);
  });
});

/** Small worlds whose objects collide often, good and bad. */
const choices: readonly unknown[] = [
  pod('a'),
  pod('a', { phase: 'Succeeded' }),
  pod('a', { podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] }),
  pod('b', { podIP: 'nonsense' }),
  pod('b', {}, { hostNetwork: true }),
  pod('b', {}, { containers: 5 }),
  service,
  { ...service, spec: { clusterIP: 'None' } },
  { ...service, spec: { clusterIP: 'x' } },
  slice('a', ['10.0.0.1']),
  slice('a', ['10.0.0.2'], false),
  slice('b', ['10.0.0.1', '10.0.0.2']),
  { ...slice('b', ['10.0.0.9']), metadata: { namespace: 'ns', name: 'b' } },
  {
    ...slice('b', ['10.0.0.9']),
    metadata: { namespace: 'ns', name: 'b', labels: { 'kubernetes.io/service-name': 'db' } },
  },
  { ...service, metadata: { namespace: 'ns', name: 'db' } },
  tier('t', { order: 1 }),
  tier('t', { order: 2 }),
  tier('default', { order: 3 }),
  gnp('p', {}),
  gnp('p', { order: 'first' }),
  gnp('p', { selector: 'has(a)', ingress: [{ action: 'Deny' }] }),
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns', labels: { a: 'b' } } },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns', namespace: 'odd' } },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'ns' } },
];

test('only the last word about each object counts, in any order of upserts and deletes', () => {
  const step = fc.record({ object: fc.constantFrom(...choices), gone: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const store = new SnapshotStore();
      const last = new Map<string, unknown>();
      for (const { object, gone } of steps) {
        const { kind, metadata } = object as ReturnType<typeof pod>;
        const key = `${kind} ${metadata.name}`;
        last.delete(key);
        if (gone) store.delete(object);
        else {
          store.upsert(object);
          last.set(key, object);
        }
      }
      const there = [...last.values()];
      for (const objects of [there, there.toReversed()]) {
        const fresh = snapshotOf(objects);
        expect(store.snapshot).toEqual(fresh.snapshot);
        expect(new Set(store.findings)).toEqual(new Set(fresh.findings));
      }
    }),
  );
});

test('applying the changes to an old snapshot gives the new one', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...choices), { maxLength: 20 }), objects => {
      const store = new SnapshotStore();
      const endpoints = new Map();
      const services = new Map();
      for (const object of objects) {
        for (const { type, key, value } of store.upsert(object).changes) {
          const map = type === 'endpoint' ? endpoints : type === 'service' ? services : new Map();
          if (value === undefined) map.delete(key);
          else map.set(key, value);
        }
      }
      expect(endpoints).toEqual(store.snapshot.endpoints);
      expect(services).toEqual(store.snapshot.services);
    }),
  );
});

const WORDS = [
  'spec',
  'metadata',
  'name',
  'namespace',
  'labels',
  'annotations',
  'ingress',
  'egress',
  'from',
  'to',
  'ports',
  'port',
  'podSelector',
  'namespaceSelector',
  'ipBlock',
  'cidr',
  'except',
  'selector',
  'action',
  'source',
  'destination',
  'nets',
  'services',
  'subject',
  'namespaces',
  'pods',
  'protocols',
  'tier',
  'order',
  'priority',
  'types',
  'status',
  'podIPs',
  'ip',
  'addresses',
  'endpoints',
  'containers',
  'networks',
  '__proto__',
  'constructor',
  'items',
] as const;
const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    'Allow',
    'Deny',
    'Ingress',
    '10.0.0.0/8',
    '10.0.0.1',
    'has(a)',
    'a',
    '',
    80,
    0,
    -1,
    true,
    null,
    [],
    {},
  ),
  fc.jsonValue(),
);
const jsonLike = fc.letrec<{ node: unknown }>(tie => ({
  node: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    leaf,
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...WORDS), tie('node'), { maxKeys: 6 }),
  ),
})).node;

test('no JSON makes normalise throw, and an invalid object has a finding', () => {
  const kind = fc.constantFrom(...NORMALISED_KINDS).map(text => {
    const slash = text.lastIndexOf('/');
    return { apiVersion: text.slice(0, slash), kind: text.slice(slash + 1) };
  });
  const named = fc.record(
    { metadata: fc.constant({ name: 'x' }), spec: jsonLike, status: jsonLike },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        jsonLike,
        fc.tuple(kind, fc.oneof(named, jsonLike)).map(([k, rest]) => ({ ...(rest as object), ...k })),
      ),
      value => {
        const { facts, findings } = normalise(value);
        for (const fact of facts) expect(fact.value).toBeDefined();
        for (const finding of findings) expect(finding.message).not.toBe('');
      },
    ),
    { numRuns: 2000 },
  );
});

test.each(['constructor', '__proto__', 'toString'])(
  'a field that bears the name %s is like any other that nobody knows',
  field => {
    for (const text of NORMALISED_KINDS) {
      const [, apiVersion, kind] = /^(.*)\/(.*)$/.exec(text) ?? [];
      const spec = JSON.parse(`{ ${JSON.stringify(field)}: {} }`);
      expect(() => normalise({ apiVersion, kind, metadata: { name: 'x' }, spec })).not.toThrow();
    }
  },
);

test('neither depth nor size of hostile JSON makes it throw', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  const nested = JSON.parse(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`);
  const list = JSON.parse(
    `${'{"apiVersion":"v1","kind":"List","items":['.repeat(20_000)}1${']}'.repeat(20_000)}`,
  );
  const store = new SnapshotStore();
  store.upsert(list);
  const wrong = normalise(gnp('p', { types: Array.from({ length: 1_000 }, (_, i) => i) }));
  expect(wrong.findings).toHaveLength(100);
  expect(normalise(gnp('p', [])).findings).toMatchObject([{ path: 'spec', message: 'must be an object' }]);
  for (const hostile of [deep, nested]) {
    expect(
      normalise(gnp('p', { types: hostile, ingress: [{ action: hostile }], selector: hostile })).facts,
    ).toEqual([]);
    expect(normalise(pod('p', { podIP: hostile })).facts).toEqual([]);
  }
  expect(normalise(gnp('p', { selector: '('.repeat(60_000) })).facts).toEqual([]);
});
