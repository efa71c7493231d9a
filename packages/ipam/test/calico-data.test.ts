import { readFileSync } from 'node:fs';
import { readIpPool } from '@muslin/api';
import { formatIp, formatPrefix, type Ip, mustIp, mustPrefix, parseJson } from '@muslin/net';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  addressesOf,
  allocate,
  type Block,
  blockFromSpec,
  blockToSpec,
  check,
  drive,
  handleName,
  type IpamKind,
  inventoryOf,
  type Machine,
  releasable,
  releaseByHandle,
  releaseIp,
  type StoredObject,
  usageOf,
} from '../src/index.ts';
import { NOW, podRequest, World } from './world.ts';

/** As `kubectl get -o json` shows the objects of a cluster that Calico has run for years. */
const LIST = parseJson(readFileSync(new URL('calico-objects.json', import.meta.url), 'utf8')) as {
  readonly items: readonly {
    readonly kind: string;
    readonly metadata: { readonly name: string };
    readonly spec: Readonly<Record<string, unknown>>;
  }[];
};
const KINDS: readonly string[] = ['IPAMBlock', 'BlockAffinity', 'IPAMHandle'] satisfies IpamKind[];
const STORED = LIST.items.filter(({ kind }) => KINDS.includes(kind)) as readonly StoredObject[];
const POOLS = LIST.items
  .filter(({ kind }) => kind === 'IPPool')
  .map(item => readIpPool({ ...item, apiVersion: 'projectcalico.org/v3' } as never).value)
  .filter(pool => pool !== undefined);
const time = { now: NOW, cooldownMs: 0 };

let world: World;
beforeEach(() => {
  world = new World();
  for (const object of STORED) world.put(object);
});

async function must<T>(work: Machine<T>): Promise<T> {
  const done = await drive(work, async effect => world.perform(effect));
  if (!done.ok) throw new Error(done.fault.message);
  return done.value;
}
const specOf = (kind: string, name: string) =>
  world.objects.get(`${kind}/${name}`)?.spec as Readonly<Record<string, unknown>>;
const blockOf = (cidr: string): Block =>
  world.blocks().find(block => formatPrefix(block.cidr) === cidr) as Block;
/** Addresses in use, with whose they are and which life of them it is. */
const held = () =>
  new Map(
    world
      .blocks()
      .flatMap(block =>
        addressesOf(block).map(a => [formatIp(a.ip), `${a.attribute.handleId} ${a.sequence}`]),
      ),
  );
const FIRST = '192.168.185.0/26';

describe('the addresses of a cluster that comes from Calico', () => {
  it('are all read: tunnels, pods, Windows, load balancers, the oldest without sequences', () => {
    const inventory = inventoryOf(STORED);
    expect(inventory.unreadable).toEqual([]);
    expect([inventory.blocks.size, inventory.affinities.length, inventory.handles.size]).toEqual([6, 6, 11]);
    expect([...held().keys()].sort()).toEqual(
      [
        ...['192.168.185.0', '192.168.185.1', '192.168.185.2', '192.168.185.7', '192.168.185.8'],
        ...['192.168.185.10', '192.168.40.192', '192.168.40.193', '192.168.40.194', '192.168.40.197'],
        ...['192.168.40.255', '192.168.7.64', '192.168.7.65', '192.168.7.66', '192.168.7.67'],
        ...['fd00:10:244::5c41', 'fd00:10:244::5c42', '10.96.0.0'],
      ].sort(),
    );
  });

  it('are written back field by field as they were, numbers beyond 2^53 and unknown fields too', () => {
    for (const { kind, spec } of STORED) {
      if (kind !== 'IPAMBlock') continue;
      const block = blockFromSpec(spec);
      if (!block.ok) throw new Error(block.fault.message);
      const written = blockToSpec(block.value);
      for (const [field, value] of Object.entries(spec as Record<string, unknown>)) {
        const empty = value === null || value === false;
        if (field === 'laterSpecField' || empty) continue;
        if (field === 'attributes') continue;
        expect([field, written[field]]).toEqual([field, value]);
      }
      expect(blockFromSpec(written)).toEqual(block);
    }
    const { sequenceNumber, sequenceNumberForAllocation } = blockToSpec(blockOf(FIRST));
    expect(sequenceNumber).toBe(1690113884806720496n);
    expect(sequenceNumberForAllocation).toMatchObject({ 7: 1690113884806720483n });
  });

  it('stay whose they are when addresses are taken and given back beside them', async () => {
    const before = held();
    const { addresses } = await must(allocate(podRequest('worker-1', 'new', POOLS)));
    expect(addresses.map(({ how }) => how)).toEqual(['own-block', 'own-block']);
    expect(addresses.map(({ sequence }) => sequence)).toEqual([1690113884806720497n, 1690113884806720420n]);
    for (const { ip } of addresses) expect(before.has(formatIp(ip))).toBe(false);
    const spec = specOf('IPAMBlock', '192-168-185-0-26');
    expect(spec).toMatchObject({ laterSpecField: { kept: true }, sequenceNumber: 1690113884806720497n });
    expect(spec['attributes']).toContainEqual(
      expect.objectContaining({
        laterField: { deep: [1, null] },
        alternateOwnerAttrs: { namespace: 'vms', node: 'worker-2', pod: 'virt-launcher-db-y3y' },
      }),
    );
    await must(releaseByHandle('k8s-pod-network.new', time));
    expect(held()).toEqual(before);
    expect(world.objects.has(`IPAMHandle/${handleName('k8s-pod-network.new')}`)).toBe(false);
  });

  it('go one by one by the handle that Calico wrote, in both families, and no other goes with them', async () => {
    const before = held();
    const { released } = await must(releaseByHandle(`k8s-pod-network.${'a31b'.repeat(16)}`, time));
    const gone = released.map((ip: Ip) => formatIp(ip));
    expect(gone.sort()).toEqual(['192.168.185.7', 'fd00:10:244::5c42']);
    expect([...held()]).toEqual([...before].filter(([ip]) => !gone.includes(ip)));
  });

  it('are not freed by a late word about the life before, one number away', async () => {
    const { sequence } = addressesOf(blockOf(FIRST)).find(a => formatIp(a.ip) === '192.168.185.7') as {
      sequence: bigint;
    };
    const free = (meant: bigint) =>
      drive(releaseIp(mustPrefix(FIRST), mustIp('192.168.185.7'), { sequence: meant }, time), async effect =>
        world.perform(effect),
      );
    expect(await free(sequence - 1n)).toMatchObject({ ok: false, fault: { code: 'stale' } });
    expect(await free(sequence)).toMatchObject({ ok: true });
  });

  it('that are reserved for Windows, borrowed or cooling down are given to nobody', async () => {
    const before = new Set([...held().keys(), '192.168.185.9']);
    for (let i = 0; i < 60; i++) {
      const { addresses } = await must(
        allocate(
          podRequest(i % 2 === 0 ? 'win-1' : 'worker-1', `n${i}`, POOLS.slice(0, 1), {
            config: { ...podRequest('a', 'a', POOLS).config, cooldownMs: 60_000 },
          }),
        ),
      );
      for (const { ip } of addresses) {
        expect(before.has(formatIp(ip))).toBe(false);
        before.add(formatIp(ip));
      }
    }
  });

  it('are counted by pool, and checked: only what Calico itself left undone is a problem', () => {
    const usage = usageOf(inventoryOf(STORED), POOLS, []);
    expect(usage.pools.map(({ pool, inUse, cooling }) => [pool.name, inUse, cooling])).toEqual([
      ['default-ipv4-ippool', 15, 1],
      ['default-ipv6-ippool', 2, 0],
    ]);
    const witnesses = {
      pods: new Map(),
      nodes: new Set(['worker-1', 'worker-2', 'win-1']),
      onHost: new Map(),
      now: NOW,
      graceMs: 900_000,
    };
    const { inUse, problems } = check(STORED, POOLS, witnesses);
    expect(inUse).toBe(18);
    expect(problems.map(({ code }) => code).sort()).toEqual(['block-outside-pools', 'unfinished-affinity']);
  });

  it('are freed of pods alone, on two witnesses: what other holders have, and machines that move, stay', () => {
    const nodes = ['worker-1', 'worker-2', 'win-1'];
    const witnesses = (pods: readonly string[], left: readonly string[] = nodes) => ({
      pods: new Map(
        pods.map(name => [name, { namespace: 'vms', name, uid: 'u', node: 'worker-2', ips: [] }]),
      ),
      nodes: new Set(left),
      onHost: new Map(left.map(node => [node, new Set<string>()])),
      ...{ now: NOW, graceMs: 900_000 },
    });
    const freed = (...of: Parameters<typeof witnesses>) => {
      const found = releasable(check(STORED, POOLS, witnesses(...of)), { floor: 100, share: 1 });
      return found.ok
        ? found.value.map(({ ip, handleId }) => `${formatIp(ip)} ${handleId.slice(0, 20)}`)
        : [];
    };
    const pods = [
      ...['192.168.185.7 k8s-pod-network.a31b', '192.168.185.8 k8s-pod-network.6cdc'],
      ...['192.168.40.197 k8s-pod-network.70f4', 'fd00:10:244::5c42 k8s-pod-network.a31b'],
    ];
    expect(freed(['vms/virt-launcher-db-y3y']).toSorted()).toEqual(pods);
    // Neither pod of the machine is there any more.
    expect(freed([]).toSorted()).toEqual(['192.168.185.10 k8s-pod-network.beef', ...pods]);
    // With its node go its tunnels, of every kind; never Windows' own, Services', or what somebody holds by hand.
    expect(freed(['vms/virt-launcher-db-y3y'], ['worker-2', 'win-1']).toSorted()).toEqual(
      [
        ...['192.168.185.0 ipip-tunnel-addr-wor', '192.168.185.1 vxlan-tunnel-addr-wo'],
        ...['192.168.185.2 wireguard-tunnel-add', 'fd00:10:244::5c41 vxlan-v6-tunnel-addr'],
        ...pods,
      ].toSorted(),
    );
  });
});
