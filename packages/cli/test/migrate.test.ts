import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type AnyObject,
  apiVersionOf,
  KubeClient,
  loadKubeconfig,
  nameOf,
  RESOURCES,
  type Resource,
} from '@muslin/kube';
import { formatJson, parseJson } from '@muslin/net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { MOVED, v1Resource } from '../src/migrate/calico-sources.ts';
import { fencedAffinity } from '../src/migrate/fence.ts';
import { operatorInTheWay } from '../src/migrate/operator.ts';
import { toV3 } from '../src/migrate/to-v3.ts';
import { fakeApi } from './fake-api.ts';
import { looseCrd, type StandIn, startStandIn } from './stand-in.ts';
import { muslinctl } from './test-context.ts';

const DUMP = fileURLToPath(new URL('calico-dump.yaml', import.meta.url));
const objects = parseAllDocuments(readFileSync(DUMP, 'utf8'), { intAsBigInt: true }).map(
  each => parseJson(formatJson(each.toJS())) as AnyObject,
);

describe('muslinctl migrate plan', () => {
  it('tells from a dump what is kept, what changes and what is not supported, with reasons and steps', async () => {
    const ran = await muslinctl(['migrate', 'plan', '-f', DUMP]);
    expect(ran).toMatchObject({ code: 1, stderr: '' });
    for (const line of [
      'Copied from crd.projectcalico.org/v1 to projectcalico.org/v3:',
      '  2 BlockAffinity',
      '  BlockAffinity n1-10-244-1-0-26 spec.deleted: the text "false" is a boolean in projectcalico.org/v3',
      '  IPAMConfiguration default: kind IPAMConfig is called IPAMConfiguration in projectcalico.org/v3',
      '  FelixConfiguration default spec.bpfEnabled: kept, not acted on: Muslin enforces by iptables or nftables, not by eBPF',
      '  IPPool default-ipv4-ippool spec.futureField: Muslin has no such field; it is left out',
      '  2. kubectl drain n1 --ignore-daemonsets --delete-emptydir-data; muslinctl migrate apply --node n1',
    ])
      expect(ran.stdout.split('\n')).toContain(line);
    // A value that asks for nothing is no loss.
    expect(ran.stdout).not.toContain('wireguardEnabled');
  });

  it('gives the same as data, and 2 where there is no Calico', async () => {
    const data = JSON.parse((await muslinctl(['migrate', 'plan', '-f', DUMP, '-o', 'json'])).stdout);
    expect(data).toMatchObject({
      group: 'crd.projectcalico.org',
      nodes: [{ name: 'n1', on: 'calico' }, { name: 'n2' }],
    });
    expect((await muslinctl(['migrate', 'plan', '-f', '-'], { stdin: '{}' })).code).toBe(2);
  });

  it('takes names, labels and annotations from where v1 keeps them', () => {
    const policy = objects.find(({ kind }) => kind === 'NetworkPolicy') as AnyObject;
    expect(toV3(policy).object?.metadata).toEqual({
      name: 'db',
      namespace: 'default',
      labels: { team: 'data' },
    });
  });

  it('copies nothing where Calico keeps projectcalico.org/v3 itself', async () => {
    const v3 = objects.map(each => ({
      ...each,
      apiVersion: each.apiVersion?.replace('crd.projectcalico.org/v1', 'projectcalico.org/v3'),
    }));
    const ran = await muslinctl(['migrate', 'plan', '-f', '-'], { stdin: formatJson(v3) });
    expect(ran.stdout).toContain('nothing is copied, nor are addresses');
  });

  it('keeps a DaemonSet off handed-over nodes besides what it had, and takes exactly that back', () => {
    const term = { matchExpressions: [{ key: 'os', operator: 'In', values: ['linux'] }] };
    const had = {
      podAffinity: {},
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
    };
    const fenced = fencedAffinity(had, true);
    expect(JSON.stringify(fenced)).toContain('"operator":"NotIn","values":["muslin"]');
    expect(fencedAffinity(fenced, true)).toEqual(fenced);
    expect(fencedAffinity(fenced, false)).toEqual(had);
    expect(fencedAffinity(fencedAffinity(undefined, true), false)).toEqual({
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: null },
    });
  });
});

describe('the operator of Calico', () => {
  const replicas = (count: number) => ({
    '/apis/operator.tigera.io/v1/installations': [{ metadata: { name: 'default' }, spec: {} }],
    '/apis/apps/v1/deployments': [
      { metadata: { name: 'tigera-operator', namespace: 'tigera-operator' }, spec: { replicas: count } },
    ],
  });
  const inTheWay = async (lists: Parameters<typeof fakeApi>[0]) => {
    const api = await fakeApi(lists);
    const connection = loadKubeconfig({ path: api.kubeconfig });
    if (!connection.ok) throw new Error(connection.fault.message);
    const client = new KubeClient(connection.value);
    try {
      return await operatorInTheWay(client);
    } finally {
      await client.close();
      await api.close();
    }
  };

  it('is in the way while it runs, and how to stop it is said', async () => {
    expect(await inTheWay(replicas(1))).toContain(
      'kubectl -n tigera-operator scale deployment tigera-operator --replicas=0',
    );
  });

  it('is not where it was stopped, or never was', async () => {
    expect(await inTheWay(replicas(0))).toBeUndefined();
    expect(await inTheWay({})).toBeUndefined();
  });

  it('keeps a migration from its first step', async () => {
    const api = await fakeApi({
      ...replicas(1),
      '/api/v1/nodes': [{ metadata: { name: 'n1' } }],
      '/apis/crd.projectcalico.org/v1/ippools': [{ metadata: { name: 'p' }, spec: { cidr: '10.1.0.0/16' } }],
    });
    const ran = await muslinctl(['migrate', 'apply', '--kubeconfig', api.kubeconfig]);
    await api.close();
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('kept by its operator') });
    expect(api.writes).toEqual([]);
  });
});

describe('muslinctl migrate finish', () => {
  const set = (name: string, namespace: string) => ({
    metadata: { name, namespace },
    spec: { template: {} },
  });
  const cluster = (...sets: readonly object[]) => ({
    '/api/v1/nodes': [{ metadata: { name: 'n1', labels: { 'muslin.dev/node': 'muslin' } } }],
    '/api/v1/pods': [],
    '/apis/crd.projectcalico.org/v1/ippools': [{ metadata: { name: 'p' }, spec: { cidr: '10.1.0.0/16' } }],
    '/apis/apps/v1/daemonsets': sets as readonly Record<string, unknown>[],
  });
  const finish = async (...sets: readonly object[]) => {
    const api = await fakeApi(cluster(...sets));
    const ran = await muslinctl(['migrate', 'finish', '--kubeconfig', api.kubeconfig]);
    await api.close();
    return { ...ran, writes: api.writes };
  };

  it('writes nothing while the DaemonSet of Calico is there, which would start on new nodes', async () => {
    const ran = await finish(set('muslin-node', 'kube-system'), set('calico-node', 'calico-system'));
    expect(ran).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('kubectl -n calico-system delete daemonset calico-node'),
    });
    expect(ran.writes).toEqual([]);
  });

  it('lets Muslin run on every node, in whichever namespace, and leaves the DaemonSets of others alone', async () => {
    const ran = await finish(set('kube-proxy', 'kube-system'), set('muslin-node', 'net'));
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const workloads = ran.writes.filter(({ path }) => path.startsWith('/apis/apps/'));
    expect(workloads).toEqual([
      expect.objectContaining({
        method: 'PATCH',
        path: '/apis/apps/v1/namespaces/net/daemonsets/muslin-node',
        body: { spec: { template: { spec: { nodeSelector: { 'muslin.dev/node': null } } } } },
      }),
    ]);
    expect(ran.stdout).toContain('DaemonSet net/muslin-node: runs on every node');
  });

  it('asks for no DaemonSet where Muslin runs in another way', async () => {
    const ran = await finish();
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).not.toContain('DaemonSet');
    expect(ran.writes.map(({ path }) => path)).toContain('/apis/projectcalico.org/v3/clusterinformations');
  });
});

describe('muslinctl migrate apply and back', () => {
  let server: StandIn;
  beforeAll(async () => {
    server = await startStandIn(
      MOVED.map(v1Resource).map(({ group, version, plural, kind, namespaced }) =>
        looseCrd(group, version, plural, kind, namespaced),
      ),
    );
    for (const object of objects) {
      const known = [...MOVED.map(v1Resource), RESOURCES.Node, RESOURCES.Pod];
      const resource = known.find(
        each => apiVersionOf(each) === object.apiVersion && each.kind === object.kind,
      );
      const made = await server.client.create(resource as Resource, object);
      if (!made.ok) throw new Error(made.fault.message);
    }
  }, 30_000);
  afterAll(() => server.stop());

  const run = (...argv: string[]) => muslinctl(['migrate', ...argv, '--kubeconfig', server.kubeconfig]);
  const names = async (resource: Resource) => {
    const list = await server.client.listAll<AnyObject>(resource);
    return list.ok ? list.value.items.map(({ metadata }) => metadata.name).toSorted() : list.fault.message;
  };
  const read = async (resource: Resource, name: string) => {
    const one = await server.client.get<AnyObject>(resource, { name });
    return one.ok ? one.value : undefined;
  };
  const v1 = { blocks: v1Resource(RESOURCES.IPAMBlock), settings: v1Resource(RESOURCES.IPAMConfiguration) };

  it('freezes Calico and copies everything, and may be run again', async () => {
    expect(await run('apply')).toMatchObject({ code: 0, stderr: '' });
    expect(await run('apply')).toMatchObject({ code: 0, stderr: '' });
    expect((await read(v1.settings, 'default'))?.['spec']).toMatchObject({ autoAllocateBlocks: false });
    expect((await read(RESOURCES.IPAMConfiguration, 'default'))?.['spec']).toMatchObject({
      strictAffinity: true,
    });
    expect(await names(RESOURCES.IPAMBlock)).toEqual(['10-244-1-0-26', '10-244-2-0-26']);
    expect(await names(RESOURCES.GlobalNetworkPolicy)).toEqual(['deny-metadata']);
    expect((await read(RESOURCES.BlockAffinity, 'n1-10-244-1-0-26'))?.['spec']).toMatchObject({
      deleted: false,
    });
  });

  it('refuses a node that is not drained, and names what to do', async () => {
    const ran = await run('apply', '--node', 'n1');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('default/web-1');
    expect(ran.stderr).toContain('kubectl drain n1');
    expect(await names(v1.blocks)).toEqual(['10-244-1-0-26', '10-244-2-0-26']);
    expect((await run('apply', '--node', 'n9')).code).toBe(2);
  });

  it("hands a drained node over with its addresses, and leaves the other node's alone", async () => {
    await server.client.delete(
      RESOURCES.Pod,
      nameOf({ metadata: { namespace: 'default', name: 'web-1' } } as AnyObject),
      { gracePeriodSeconds: 0 },
    );
    expect(await run('apply', '--node', 'n1')).toMatchObject({ code: 0, stderr: '' });
    expect(await names(v1.blocks)).toEqual(['10-244-2-0-26']);
    expect((await read(RESOURCES.Node, 'n1'))?.metadata.labels).toMatchObject({
      'muslin.dev/node': 'muslin',
    });
    expect(await run('apply')).toMatchObject({ code: 0, stderr: '' });
    expect((await read(RESOURCES.IPAMBlock, '10-244-1-0-26'))?.['spec']).toMatchObject({
      affinity: 'host:n1',
      sequenceNumber: 1690113884806720496n,
      sequenceNumberForAllocation: { 0: 1690113884806720472n },
    });
    expect((await run('plan')).stdout).toContain('done: n1');
  });

  it('refuses to finish while a node is with Calico', async () => {
    expect(await run('finish')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('n2: still with Calico'),
    });
  });

  it('leads back: addresses, label and settings are as they were', async () => {
    expect(await run('back')).toMatchObject({ code: 0, stderr: '' });
    expect(await names(v1.blocks)).toEqual(['10-244-1-0-26', '10-244-2-0-26']);
    expect(await names(RESOURCES.IPAMBlock)).toEqual(['10-244-2-0-26']);
    expect((await read(RESOURCES.Node, 'n1'))?.metadata.labels?.['muslin.dev/node']).toBeUndefined();
    expect((await read(v1.settings, 'default'))?.['spec']).toMatchObject({ autoAllocateBlocks: true });
    expect((await read(v1.blocks, '10-244-1-0-26'))?.['spec']).toMatchObject({
      sequenceNumber: 1690113884806720496n,
      sequenceNumberForAllocation: { 0: 1690113884806720472n },
    });
    const affinity = await read(v1Resource(RESOURCES.BlockAffinity), 'n1-10-244-1-0-26');
    expect(affinity?.['spec']).toMatchObject({ deleted: 'false', state: 'confirmed', node: 'n1' });
  });

  it('finishes when every node is over: settings as Calico had them, and nothing is copied any more', async () => {
    expect(await run('apply', '--node', 'n1', '--node', 'n2')).toMatchObject({ code: 0, stderr: '' });
    expect((await read(RESOURCES.IPAMConfiguration, 'default'))?.['spec']).toMatchObject({
      strictAffinity: true,
    });
    expect(await run('finish')).toMatchObject({ code: 0, stderr: '' });
    expect(await run('finish')).toMatchObject({ code: 0, stderr: '' });
    expect((await read(RESOURCES.IPAMConfiguration, 'default'))?.['spec']).toMatchObject({
      strictAffinity: false,
      autoAllocateBlocks: true,
    });
    const edited = { type: 'merge', body: { spec: { natOutgoing: false } } } as const;
    await server.client.patch(RESOURCES.IPPool, { name: 'default-ipv4-ippool' }, edited);
    expect(await run('apply')).toMatchObject({ code: 1, stderr: expect.stringContaining('was finished') });
    expect(await run('back')).toMatchObject({ code: 1, stderr: expect.stringContaining('was finished') });
    expect((await read(RESOURCES.IPPool, 'default-ipv4-ippool'))?.['spec']).toMatchObject({
      natOutgoing: false,
    });
  });
});
