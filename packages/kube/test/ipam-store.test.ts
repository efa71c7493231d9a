import { type AllocationRequest, allocate, DEFAULT_IPAM_CONFIG, drive, releaseByHandle } from '@muslin/ipam';
import { formatIp, mustPrefix } from '@muslin/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ipamStore, KubeClient } from '../src/index.ts';
import { FaultyServer, reset, status } from './faulty-server.ts';
import { ObjectStore } from './object-store.ts';

const pools = [
  ['10.0.0.0/28', 30],
  ['fd00::/124', 126],
].map(([cidr, blockSize]) => ({
  name: String(cidr),
  cidr: mustPrefix(String(cidr)),
  blockSize: Number(blockSize),
  natOutgoing: false,
  disabled: false,
  disableBgpExport: false,
  ipipMode: 'Never' as const,
  vxlanMode: 'Never' as const,
  nodeSelector: { op: 'all' } as const,
  namespaceSelector: undefined,
  allowedUses: new Set(['Workload'] as const),
  assignmentMode: 'Automatic' as const,
}));

const request = (node: string, name: string): AllocationRequest => ({
  handleId: `net.${name}`,
  owner: { type: 'pod', namespace: 'web', name, uid: `uid-${name}` },
  node: { name: node, labels: new Map() },
  namespace: undefined,
  families: [4, 6],
  use: 'Workload',
  pools,
  reservations: [],
  config: DEFAULT_IPAM_CONFIG,
  now: 1_700_000_000_000,
});

let server: FaultyServer;
let client: KubeClient;
let objects: ObjectStore;
beforeEach(async () => {
  server = await FaultyServer.start();
  client = new KubeClient(server.connection(), { timeoutMs: 2_000 });
  objects = new ObjectStore();
  server.script = [objects.behave];
});
afterEach(async () => {
  await client.close();
  await server.stop();
});

describe('ipamStore', () => {
  it('gives pods of several nodes their own addresses at the same time, and takes them back', async () => {
    const perform = ipamStore(client);
    const pods = ['a', 'b', 'c'].flatMap(node => [1, 2, 3, 4].map(n => [node, `${node}${n}`] as const));
    const got = await Promise.all(pods.map(([node, name]) => drive(allocate(request(node, name)), perform)));
    const ips = got.flatMap(outcome => (outcome.ok ? outcome.value.addresses.map(x => formatIp(x.ip)) : []));
    expect(new Set(ips).size).toBe(24);
    const time = { now: 1_700_000_000_000, cooldownMs: 0 };
    await Promise.all(pods.map(([, name]) => drive(releaseByHandle(`net.${name}`, time), perform)));
    expect([...objects.objects.keys()].filter(key => key.includes('/ipamhandles/'))).toEqual([]);
    const blocks = [...objects.objects].filter(([key]) => key.includes('/ipamblocks/'));
    for (const [, block] of blocks)
      expect(block).toMatchObject({
        apiVersion: 'projectcalico.org/v3',
        kind: 'IPAMBlock',
        spec: { attributes: [] },
      });
  });
  it('says that the store failed when a connection breaks, and a repeat gives the addresses', async () => {
    const perform = ipamStore(client);
    server.script = [objects.behave, objects.behave, objects.behave, reset, objects.behave];
    expect(await drive(allocate(request('a', 'p')), perform)).toMatchObject({
      ok: false,
      fault: { code: 'store' },
    });
    expect(await drive(allocate(request('a', 'p')), perform)).toMatchObject({ ok: true });
  });
  it('says that the store failed when the kinds are not served', async () => {
    server.script = [status(404, 'NotFound', 'the server could not find the requested resource')];
    expect(await drive(allocate(request('a', 'p')), ipamStore(client))).toMatchObject({
      ok: false,
      fault: { code: 'store', message: expect.stringContaining('could not find') },
    });
  });
  it('answers lists from a cache that knows the kind', async () => {
    const perform = ipamStore(client, kind => (kind === 'BlockAffinity' ? [] : undefined));
    expect(await perform({ type: 'list', kind: 'BlockAffinity' })).toEqual({ type: 'listed', objects: [] });
    expect(server.seen).toEqual([]);
    await perform({ type: 'list', kind: 'IPAMBlock' });
    expect(server.seen.length).toBe(1);
  });
});
