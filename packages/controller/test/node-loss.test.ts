import { ALL, type Pool } from '@muslin/api';
import {
  addressesOf,
  allocate,
  blockFromSpec,
  DEFAULT_IPAM_CONFIG,
  drive,
  releaseByHandle,
} from '@muslin/ipam';
import { type AnyObject, ipamStore } from '@muslin/kube';
import { formatIp, mustPrefix } from '@muslin/net';
import { beforeEach, describe, expect, it } from 'vitest';
import { Garbage } from '../src/garbage/garbage.ts';
import { nodeReports } from '../src/garbage/node-reports.ts';
import { NodeLoss } from '../src/node-loss.ts';
import { FakeClient } from './fake-client.ts';

/** Two blocks of two addresses. */
const POOL: Pool = {
  name: 'pool',
  cidr: mustPrefix('10.0.0.0/30'),
  blockSize: 31,
  natOutgoing: false,
  disabled: false,
  disableBgpExport: false,
  ipipMode: 'Never',
  vxlanMode: 'Never',
  nodeSelector: ALL,
  namespaceSelector: undefined,
  allowedUses: new Set(['Workload']),
  assignmentMode: 'Automatic',
};

let fake: FakeClient;
let lines: string[];
let notes: string[];

beforeEach(() => {
  fake = new FakeClient();
  lines = [];
  notes = [];
  for (const node of ['n1', 'n2']) fake.put('Node', node);
});

/** Gives pod `web/<name>` on a node an address, as an agent would. */
async function assign(node: string, name: string): Promise<string> {
  const done = await drive(
    allocate({
      handleId: `k8s-pod-network.${name}`,
      owner: { type: 'pod', namespace: 'web', name, uid: `uid-${name}` },
      node: { name: node, labels: new Map() },
      namespace: { labels: new Map() },
      families: [4],
      use: 'Workload',
      pools: [POOL],
      reservations: [],
      config: DEFAULT_IPAM_CONFIG,
      now: 0,
    }),
    ipamStore(fake.client),
  );
  if (!done.ok) throw new Error(done.fault.message);
  return formatIp(done.value.addresses[0]?.ip as never);
}

/** The controller as it knows the cluster now, over every affinity. Gives the faults. */
async function reconcile(nodes: readonly string[]): Promise<readonly string[]> {
  const affinities = new Map(fake.of('BlockAffinity').map(object => [object.metadata.name ?? '', object]));
  const loss = new NodeLoss({
    client: fake.client,
    nodes: new Set(nodes),
    affinities,
    log: line => lines.push(line),
    tell: ({ reason, message }) => void notes.push(`${reason}: ${message}`),
  });
  const faults: string[] = [];
  for (const name of affinities.keys()) {
    const fault = await loss.reconcile(name);
    if (fault !== undefined) faults.push(typeof fault === 'string' ? fault : 'again');
  }
  return faults;
}

/** `address: node` of all that is assigned. */
function assigned(): readonly string[] {
  return fake
    .of('IPAMBlock')
    .flatMap(object => {
      const block = blockFromSpec(object['spec']);
      if (!block.ok) throw new Error(block.fault.message);
      return addressesOf(block.value).map(
        ({ ip, attribute }) => `${formatIp(ip)}: ${attribute.secondary['node']}`,
      );
    })
    .sort();
}

const names = (kind: string) => fake.of(kind).map(object => object.metadata.name);

describe('a node that is gone', () => {
  it('gives back its blocks, addresses and handles', async () => {
    await assign('n1', 'a');
    await assign('n1', 'b');
    await assign('n2', 'c');
    fake.objects.delete('Node/n1');
    expect(await reconcile(['n2'])).toEqual([]);
    expect(assigned()).toHaveLength(1);
    expect(assigned()[0]).toMatch(/: n2$/);
    expect(names('BlockAffinity')).toHaveLength(1);
    expect(names('IPAMBlock')).toHaveLength(1);
    expect(names('IPAMHandle')).toEqual(['k8s-pod-network.c']);
    expect(lines.join('\n')).toContain('node n1 is gone');
    const why = 'Node n1 is gone, and the API server has none of its pods';
    expect(notes.map(note => note.replace(/10\.0\.0\.\d/g, 'IP'))).toEqual([
      `AddressFreed: freed IP: ${why} | freed IP: ${why}`,
      `BlockFreed: block IP/31 of node n1 is deleted: ${why}`,
    ]);
  });

  it('keeps the addresses of pods that the API server still has: the machine may run on', async () => {
    await assign('n1', 'a');
    const pod = (name: string, spec: object, phase: string) =>
      fake.objects.set(`Pod/${name}`, {
        metadata: { namespace: 'web', name, uid: `uid-${name}` },
        spec: { nodeName: 'n1', ...spec },
        status: { phase },
      } as unknown as AnyObject);
    pod('a', {}, 'Running');
    pod('done', {}, 'Succeeded');
    pod('agent', { hostNetwork: true }, 'Running');
    fake.objects.delete('Node/n1');
    fake.writes.length = 0;
    for (let look = 0; look < 2; look++) expect(await reconcile(['n2'])).toEqual(['again']);
    expect(fake.writes).toEqual([]);
    expect(lines[0]).toBe('node n1 is gone, its pods are not: web/a keep their addresses until they are');
    fake.objects.delete('Pod/a');
    expect(await reconcile(['n2'])).toEqual([]);
    expect(assigned()).toEqual([]);
  });

  it('leaves a virtual machine its address that was on its way to a living node', async () => {
    await assign('n1', 'a');
    for (const block of fake.of('IPAMBlock'))
      for (const attribute of (block['spec'] as { attributes: Record<string, unknown>[] }).attributes)
        attribute['alternateOwnerAttrs'] = { namespace: 'web', pod: 'a2', node: 'n2' };
    // Calico's handles name no node.
    for (const { metadata, ...handle } of fake.of('IPAMHandle'))
      fake.put('IPAMHandle', metadata.name ?? '', (handle as unknown as { spec: unknown }).spec);
    fake.objects.delete('Node/n1');
    expect(await reconcile(['n2'])).toEqual([]);
    expect(assigned()).toEqual([expect.stringMatching(/: n1$/)]);
    expect(names('BlockAffinity')).toEqual([]);
  });

  it('gives back an empty block, too, that somebody took the affinity of', async () => {
    fake.put('IPPool', POOL.name, { cidr: '10.0.0.0/30', blockSize: 31 });
    await assign('n2', 'c');
    await assign('n1', 'a');
    const time = { now: 0, cooldownMs: 0 };
    await drive(releaseByHandle('k8s-pod-network.a', time), ipamStore(fake.client));
    for (const name of names('BlockAffinity'))
      if (name?.startsWith('n1-')) fake.objects.delete(`BlockAffinity/${name}`);
    fake.objects.delete('Node/n1');
    expect([names('IPAMBlock').length, names('BlockAffinity').length]).toEqual([2, 1]);
    let now = 1_000_000;
    const garbage = new Garbage({
      ...{ client: fake.client, mode: 'free', reports: nodeReports(fake.client), now: () => now },
      ...{ log: line => lines.push(line), tell: () => {} },
    });
    for (let look = 0; look < 2; look++) {
      expect(await garbage.reconcile()).toBeUndefined();
      expect(await reconcile(['n2'])).toEqual([]);
      now += 60_000;
    }
    expect([names('IPAMBlock').length, names('BlockAffinity').length]).toEqual([1, 1]);
    expect(assigned()[0]).toMatch(/: n2$/);
  });

  it('leaves a living borrower what it borrowed, in a block without an owner', async () => {
    await assign('n1', 'a');
    const own = [await assign('n2', 'c'), await assign('n2', 'd')];
    const borrowed = await assign('n2', 'e');
    expect(own).not.toContain(borrowed);
    fake.objects.delete('Node/n1');
    expect(await reconcile(['n2'])).toEqual([]);
    expect(assigned()).toContain(`${borrowed}: n2`);
    expect(assigned()).toHaveLength(3);
    expect(names('BlockAffinity')).toHaveLength(1);
    expect(
      fake.of('IPAMBlock').filter(b => (b['spec'] as { affinity?: string }).affinity === undefined),
    ).toHaveLength(1);
  });

  it('gives back what it had borrowed from others, too', async () => {
    await assign('n2', 'c');
    await assign('n1', 'a');
    await assign('n1', 'b');
    await assign('n1', 'borrower');
    expect(assigned()).toHaveLength(4);
    fake.objects.delete('Node/n1');
    expect(await reconcile(['n2'])).toEqual([]);
    expect(assigned()).toHaveLength(1);
    expect(names('IPAMHandle')).toEqual(['k8s-pod-network.c']);
  });

  it('is left alone when it is there, and when only the watch believes that it is gone', async () => {
    await assign('n1', 'a');
    const before = assigned();
    fake.writes.length = 0;
    expect(await reconcile(['n1', 'n2'])).toEqual([]);
    expect(await reconcile(['n2'])).toEqual([]);
    expect(assigned()).toEqual(before);
    expect(fake.writes).toEqual([]);
  });

  it('is left alone while the API server does not say whether it is gone', async () => {
    await assign('n1', 'a');
    fake.objects.delete('Node/n1');
    const get = fake.get.bind(fake);
    fake.get = async (resource, name) =>
      resource.kind === 'Node'
        ? ({ ok: false, fault: { code: 'Timeout', message: 'too slow' } } as never)
        : get(resource, name);
    fake.writes.length = 0;
    expect(await reconcile(['n2'])).toEqual(['too slow']);
    expect(fake.writes).toEqual([]);
  });

  it('is cleaned up to the end by whoever repeats it, at whichever write the first one died', async () => {
    const build = async () => {
      fake = new FakeClient();
      for (const node of ['n1', 'n2']) fake.put('Node', node);
      await assign('n1', 'a');
      await assign('n1', 'b');
      await assign('n2', 'c');
      fake.objects.delete('Node/n1');
      fake.writes.length = 0;
    };
    await build();
    await reconcile(['n2']);
    const all = fake.writes.length;
    const end = [assigned(), names('BlockAffinity'), names('IPAMHandle')];
    expect(all).toBeGreaterThan(4);
    for (let at = 1; at <= all; at++) {
      await build();
      fake.failAt = at;
      expect(await reconcile(['n2']), `write ${at}`).not.toEqual([]);
      fake.failAt = Number.POSITIVE_INFINITY;
      expect(await reconcile(['n2'])).toEqual([]);
      expect([assigned(), names('BlockAffinity'), names('IPAMHandle')]).toEqual(end);
    }
  });

  it('is not believed when many nodes vanish at once', async () => {
    await assign('n1', 'a');
    await assign('n2', 'b');
    const before = assigned();
    for (const name of ['n1', 'n2']) fake.objects.delete(`Node/${name}`);
    const faults = await reconcile([]);
    expect(faults[0]).toBe(
      '2 of 2 nodes with blocks are gone at once: nothing is freed; if that is true, see muslinctl ipam check and ipam release',
    );
    expect(assigned()).toEqual(before);
  });

  it('does nothing to affinities that are not of hosts, and says when one is broken', async () => {
    fake.put('BlockAffinity', 'virtual', {
      type: 'virtual',
      node: 'n9',
      cidr: '10.0.0.0/31',
      state: 'confirmed',
    });
    fake.put('BlockAffinity', 'broken', { type: 'host', node: 'n9', cidr: 'nonsense', state: 'confirmed' });
    fake.writes.length = 0;
    const faults = await reconcile(['n1']);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^BlockAffinity broken: /);
    expect(fake.writes).toEqual([]);
  });
});
