import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { discover, KubeClient, type ServedResource } from '../src/index.ts';
import { FaultyServer, json, status } from './faulty-server.ts';

let server: FaultyServer;
let client: KubeClient;
beforeEach(async () => {
  server = await FaultyServer.start();
  client = new KubeClient(server.connection());
});
afterEach(async () => {
  await client.close();
  await server.stop();
});

const aggregated = (items: unknown[]) =>
  json({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', items });
const entry = (resource: string, kind: string, scope: string, shortNames: string[] = []) => ({
  resource,
  responseKind: { group: '', version: '', kind },
  scope,
  singularResource: kind.toLowerCase(),
  verbs: ['get', 'list'],
  shortNames,
  subresources: [{ subresource: 'status' }],
});
const group = (name: string, version: string, resources: unknown[]) => ({
  metadata: { name },
  versions: [{ version, resources }],
});

const core = aggregated([
  group('', 'v1', [entry('pods', 'Pod', 'Namespaced', ['po']), entry('nodes', 'Node', 'Cluster', ['no'])]),
]);
const groups = aggregated([
  group('networking.k8s.io', 'v1', [entry('networkpolicies', 'NetworkPolicy', 'Namespaced', ['netpol'])]),
  group('projectcalico.org', 'v3', [
    entry('networkpolicies', 'NetworkPolicy', 'Namespaced', ['cnp']),
    entry('tiers', 'Tier', 'Cluster'),
  ]),
]);

async function served(): Promise<readonly ServedResource[]> {
  const found = await discover(client);
  if (!found.ok) throw new Error(found.fault.message);
  return found.value;
}

describe('discover', () => {
  it('asks twice for everything that the server serves', async () => {
    server.script = [core, groups];
    expect((await served()).map(r => `${r.plural}.${r.version}.${r.group}`)).toEqual([
      'pods.v1.',
      'nodes.v1.',
      'networkpolicies.v1.networking.k8s.io',
      'networkpolicies.v3.projectcalico.org',
      'tiers.v3.projectcalico.org',
    ]);
    expect(server.seen.map(s => s.path)).toEqual(['/api', '/apis']);
    expect(server.seen[0]?.headers.accept).toContain('g=apidiscovery.k8s.io;v=v2');
  });
  it('asks an older server group by group, preferred version first, past a broken group', async () => {
    const legacy = (groupVersion: string, ...resources: object[]) =>
      json({ kind: 'APIResourceList', groupVersion, resources });
    const pod = {
      name: 'pods',
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      verbs: ['get'],
      shortNames: ['po'],
    };
    server.script = [
      json({ kind: 'APIVersions', versions: ['v1'] }),
      legacy('v1', pod, { ...pod, name: 'pods/status' }),
      json({
        kind: 'APIGroupList',
        groups: [
          {
            name: 'x',
            preferredVersion: { groupVersion: 'x/v2' },
            versions: [{ groupVersion: 'x/v1' }, { groupVersion: 'x/v2' }],
          },
        ],
      }),
      legacy('x/v2', { ...pod, name: 'foos', kind: 'Foo', singularName: '' }),
      status(503, 'ServiceUnavailable', 'aggregated server is down'),
    ];
    expect(await served()).toMatchObject([
      { group: '', plural: 'pods', subresources: ['status'], singular: 'pod' },
      { group: 'x', version: 'v2', plural: 'foos', singular: 'foo' },
    ]);
  });
  it('gives the fault when the server cannot be asked', async () => {
    server.script = [status(403, 'Forbidden', 'no')];
    expect(await discover(client)).toMatchObject({ ok: false, fault: { code: 'Forbidden' } });
  });
});
