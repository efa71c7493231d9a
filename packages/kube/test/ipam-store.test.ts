import {
  type AllocationRequest,
  allocate,
  DEFAULT_IPAM_CONFIG,
  drive,
  type IpamFault,
  releaseByHandle,
} from '@muslin/ipam';
import { formatIp, mustPrefix, type Result } from '@muslin/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ipamStore, KubeClient } from '../src/index.ts';
import { type Behaviour, FaultyServer, reset, status } from './faulty-server.ts';
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
  it('leaves no address to two and none behind, whatever the server answers and whether or not it did what was asked', async () => {
    const perform = ipamStore(client);
    const met = new Set<string>();
    /** Does it, and answers something else. */
    const done =
      (answer: Behaviour): Behaviour =>
      async (response, seen) => {
        const silent = { writeHead: () => silent, end: () => silent } as unknown as typeof response;
        await objects.behave(silent, seen);
        await answer(response, seen);
      };
    const FAULTS: Readonly<Record<string, Behaviour>> = {
      'too busy': status(429, 'TooManyRequests', 'later', { headers: { 'retry-after': '0' } }),
      broken: status(500, 'InternalError', 'etcd is away'),
      'not ready': status(503, 'ServiceUnavailable', 'starting'),
      changed: status(409, 'Conflict', 'the object has been modified'),
      'done, and broken': done(status(500, 'InternalError', 'etcd is away')),
      'done, and too late': done(status(504, 'Timeout', 'request did not complete')),
      'done, and cut': done(reset),
      cut: reset,
    };
    const names = Object.keys(FAULTS);
    let writes = 0;
    server.script = [
      (response, seen) => {
        const name =
          seen.method === 'GET' || ++writes % 6 > 0 ? '' : (names[(writes / 6) % names.length] ?? '');
        if (name !== '') met.add(name);
        return (FAULTS[name] ?? objects.behave)(response, seen);
      },
    ];
    /** As a kubelet does: again and again. */
    const until = async <T>(work: () => Promise<Result<T, IpamFault>>): Promise<T> => {
      for (let tries = 1; ; tries++) {
        const outcome = await work();
        if (outcome.ok) return outcome.value;
        if (tries === 200) throw new Error(outcome.fault.message);
      }
    };
    const time = { now: 1_700_000_000_000, cooldownMs: 0 };
    const pods = ['a', 'b', 'c'].flatMap(node => [1, 2, 3].map(n => [node, `${node}${n}`] as const));
    for (let round = 0; round < 3; round++) {
      const held = await Promise.all(
        pods.map(([node, name]) => until(() => drive(allocate(request(node, name)), perform))),
      );
      const ips = held.flatMap(({ addresses }) => addresses.map(({ ip }) => formatIp(ip)));
      expect(new Set(ips).size).toBe(18);
      await Promise.all(
        pods.map(([, name]) => until(() => drive(releaseByHandle(`net.${name}`, time), perform))),
      );
      expect([...objects.objects.keys()].filter(key => key.includes('/ipamhandles/'))).toEqual([]);
      for (const [key, block] of objects.objects)
        if (key.includes('/ipamblocks/')) expect(block).toMatchObject({ spec: { attributes: [] } });
    }
    expect([...met].sort()).toEqual([...names].sort());
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
