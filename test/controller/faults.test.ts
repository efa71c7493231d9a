import { setTimeout } from 'node:timers/promises';
import { addressesOf, blockFromSpec } from '@muslin/ipam';
import { type AnyObject, RESOURCES } from '@muslin/kube';
import { formatIp, ok } from '@muslin/net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keepClusterInformation } from '../../packages/controller/src/cluster-information.ts';
import { HostEndpoints } from '../../packages/controller/src/host-endpoints/host-endpoints.ts';
import { servicesWithHandles } from '../../packages/controller/src/load-balancer/held-addresses.ts';
import { ServiceAddresses } from '../../packages/controller/src/load-balancer/service-addresses.ts';
import { PoolEnd } from '../../packages/controller/src/pool-end.ts';
import { Tiers } from '../../packages/controller/src/tiers.ts';
import { Dice } from '../proof/dice.ts';
import { faultyClient, laggingClient } from './faulty-client.ts';
import { Stand } from './stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await Stand.up();
}, 60_000);
afterAll(() => stand?.down());

const quiet = { log: () => undefined, tell: () => undefined, now: Date.now };
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];

/** What each Service shows, and what the blocks say that it has, as `name: addresses`. */
async function shownAndHeld() {
  const services = await stand.all(RESOURCES.Service);
  const shown = services.flatMap(({ metadata, ...object }) => {
    const { loadBalancer } = (object['status'] ?? {}) as {
      loadBalancer?: { ingress?: readonly { readonly ip: string }[] };
    };
    return (loadBalancer?.ingress ?? []).map(({ ip }) => `${metadata.name} ${metadata.uid} ${ip}`);
  });
  const held = (await stand.all(RESOURCES.IPAMBlock)).flatMap(object => {
    const block = blockFromSpec(object['spec']);
    if (!block.ok) throw new Error(block.fault.message);
    return addressesOf(block.value).map(
      ({ ip, attribute: { secondary } }) =>
        `${secondary['service']} ${secondary['muslin.dev/uid']} ${formatIp(ip)}`,
    );
  });
  return { shown: shown.sort(), held: held.sort() };
}

it.each([1, 2, 3])(
  'two controllers at once, lost answers and conflicts leave no Service with a wrong address, and none lost (seed %i)',
  async seed => {
    const dice = new Dice(seed);
    const { client } = stand;
    if ((await stand.read('IPPool', 'services')) === undefined)
      await stand.make('IPPool', {
        metadata: { name: 'services' },
        spec: { cidr: '203.0.113.0/29', allowedUses: ['LoadBalancer'], blockSize: 30 },
      });
    const faulty = () =>
      new ServiceAddresses({ ...quiet, client: faultyClient(client, () => dice.next(), 0.15) });
    const both = [faulty(), faulty()];
    const gone: string[] = [];
    for (let step = 0; step < 40; step++) {
      const name = dice.pick(NAMES);
      const there = await stand.read('Service', name, 'default');
      const wish = dice.chance(0.5) ? { loadBalancerIP: `203.0.113.${dice.below(8)}` } : {};
      if (there === undefined)
        await stand.make('Service', {
          metadata: { name, namespace: 'default' },
          spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...wish },
        });
      else if (dice.chance(0.4)) {
        await stand.remove('Service', name, 'default');
        gone.push(`default/${name}/${there.metadata.uid}`);
      } else {
        const type = dice.pick(['LoadBalancer', 'LoadBalancer', 'ClusterIP']);
        await stand.patch('Service', name, { spec: { type, loadBalancerIP: null, ...wish } }, 'default');
      }
      await Promise.all([
        ...both.map(each => each.reconcile(`default/${name}`)),
        ...gone.map(key => dice.pick(both).release(key)),
      ]);
    }
    // The storm is over: one controller that starts from the cluster alone.
    const after = new ServiceAddresses({ ...quiet, client });
    const lives = await servicesWithHandles(client);
    if (!lives.ok) throw new Error(lives.fault);
    for (const { namespace, name, uid } of lives.value) await after.release(`${namespace}/${name}/${uid}`);
    const keys = (await stand.all(RESOURCES.Service)).map(({ metadata }) => `default/${metadata.name}`);
    // Twice: what one gives back another may have asked for.
    for (const key of [...keys, ...keys]) await after.reconcile(key);
    const { shown, held } = await shownAndHeld();
    expect(shown).toEqual(held);
    expect(new Set(held.map(line => line.split(' ')[2])).size).toBe(held.length);
    const wanting = (await stand.all(RESOURCES.Service)).filter(
      object => (object['spec'] as { type?: string }).type === 'LoadBalancer',
    );
    expect(held.length).toBeGreaterThan(0);
    expect(held.length).toBeLessThanOrEqual(wanting.length);
    // A handle may be there without an address, as after a death between the two writes; not without its Service.
    const named = await servicesWithHandles(client);
    const living = (await stand.all(RESOURCES.Service)).map(({ metadata }) => metadata.uid);
    expect(named.ok && named.value.filter(({ uid }) => !living.includes(uid))).toEqual([]);
    for (const key of keys) await stand.remove('Service', key.slice('default/'.length), 'default');
    for (const { metadata } of wanting) await after.release(`default/${metadata.name}/${metadata.uid}`);
    expect((await shownAndHeld()).held).toEqual([]);
  },
);

it('a Service that goes while it is served keeps no address', async () => {
  const { client } = stand;
  const key = 'default/brief';
  const made = await stand.make('Service', {
    metadata: { name: 'brief', namespace: 'default' },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
  });
  let releasing: Promise<string | undefined> | undefined;
  /** The Service goes right after it was read, and whoever takes back has time to do so. */
  const slow = new Proxy(client, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'get') return value.bind(target);
      return async (...args: Parameters<typeof target.get>) => {
        const got = await target.get(...args);
        if (args[0] !== RESOURCES.Service || releasing !== undefined) return got;
        await stand.remove('Service', 'brief', 'default');
        releasing = services.release(`${key}/${made.metadata.uid}`);
        await Promise.race([releasing, setTimeout(300)]);
        return got;
      };
    },
  });
  const services = new ServiceAddresses({ ...quiet, client: slow });
  await services.reconcile(key);
  expect(await releasing).toBeUndefined();
  expect((await shownAndHeld()).held).toEqual([]);
});

it('what is repeated until it succeeds comes to the same end, whatever failed on the way', async () => {
  const dice = new Dice(7);
  const { client } = stand;
  const nodes = new Map<string, AnyObject>([
    ['n1', await stand.make('Node', { metadata: { name: 'n1', labels: { rack: 'a' } } })],
  ]);
  const bad = faultyClient(client, () => dice.next(), 0.6);
  const settings = () => ({ autoCreate: 'Enabled' });
  const endpoints = new HostEndpoints({ ...quiet, client: bad, settings, nodes });
  const tiers = new Tiers({ ...quiet, client: bad });
  const ends = new PoolEnd({ ...quiet, client: bad });
  let guids = 0;
  const information = () =>
    keepClusterInformation({ client: bad, version: '1', newGuid: () => String(++guids) });
  const works: Record<string, () => Promise<unknown>> = {
    endpoints: () => endpoints.reconcile(),
    tier: () => tiers.reconcile('default'),
    pool: () => ends.reconcile('services'),
    information,
  };
  for (const [name, work] of Object.entries(works)) {
    let tries = 0;
    while ((await work()) !== undefined)
      if (++tries > 200) throw new Error(`${name} does not come to an end`);
  }
  expect((await stand.all(RESOURCES.HostEndpoint)).map(({ metadata }) => metadata.name)).toEqual([
    'n1-auto-hep',
  ]);
  const first = (await stand.read('ClusterInformation', 'default'))?.['spec'];
  expect(await keepClusterInformation({ client, version: '2', newGuid: () => 'other' })).toBeUndefined();
  expect((await stand.read('ClusterInformation', 'default'))?.['spec']).toEqual({
    ...(first as object),
    calicoVersion: '2',
  });
  expect((await stand.read('IPPool', 'services'))?.metadata.finalizers).toHaveLength(1);
});

it('what was done on old reads is put right by the next look, and nothing of others is touched', async () => {
  const dice = new Dice(11);
  const { client } = stand;
  const nodes = new Map<string, AnyObject>();
  const bad = faultyClient(
    laggingClient(client, () => dice.next(), 0.5),
    () => dice.next(),
    0.3,
  );
  const mine = { metadata: { name: 'of-a-person' }, spec: { node: 'p1', interfaceName: 'eth0' } };
  await stand.make('HostEndpoint', mine);
  // That of the test before goes with its node.
  await stand.remove('Node', 'n1');
  const settings = () => ({ autoCreate: 'Enabled' });
  const endpoints = new HostEndpoints({ ...quiet, client: bad, settings, nodes });
  const tiers = new Tiers({ ...quiet, client: bad });
  const ends = new PoolEnd({ ...quiet, client: bad });
  for (let step = 0; step < 25; step++) {
    const name = dice.pick(['p1', 'p2', 'p3']);
    if (dice.chance(0.4)) nodes.delete(name);
    else nodes.set(name, { metadata: { name, labels: { rack: String(dice.below(3)) } } } as AnyObject);
    await endpoints.reconcile();
    if (dice.chance(0.3)) await stand.client.delete(RESOURCES.Tier, { name: 'kube-admin' });
    await Promise.all([
      tiers.reconcile('kube-admin'),
      tiers.reconcile('kube-baseline'),
      ends.reconcile('services'),
    ]);
  }
  const fresh = { ...quiet, client };
  expect(await new HostEndpoints({ ...fresh, settings, nodes }).reconcile()).toBeUndefined();
  for (const name of ['kube-admin', 'kube-baseline'])
    expect(await new Tiers(fresh).reconcile(name)).toBeUndefined();
  expect(await new PoolEnd(fresh).reconcile('services')).toBeUndefined();
  const found = (await stand.all(RESOURCES.HostEndpoint)).map(
    ({ metadata }) => `${metadata.name} ${metadata.labels?.['rack']}`,
  );
  const wanted = [...nodes].map(([name, { metadata }]) => `${name}-auto-hep ${metadata.labels?.['rack']}`);
  expect(found.sort()).toEqual([...wanted, 'of-a-person undefined'].sort());
  for (const name of ['kube-admin', 'kube-baseline'])
    expect((await stand.read('Tier', name))?.['spec']).toMatchObject({ defaultAction: 'Pass' });
  expect((await stand.read('IPPool', 'services'))?.metadata.finalizers).toHaveLength(1);
});

it('a pool that was made again under its name is another one: what was read of the first changes nothing of it', async () => {
  const { client } = stand;
  const spec = { cidr: '198.51.100.0/24' };
  const first = await stand.make('IPPool', { metadata: { name: 'twice' }, spec } as AnyObject);
  await stand.remove('IPPool', 'twice');
  const second = await stand.make('IPPool', { metadata: { name: 'twice' }, spec } as AnyObject);
  const stale = new Proxy(client, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name, target);
      if (name === 'get') return async () => ok(structuredClone(first));
      return typeof method === 'function' ? method.bind(target) : method;
    },
  });
  expect(await new PoolEnd({ ...quiet, client: stale }).reconcile('twice')).toMatch(/Conflict|modified|uid/);
  expect((await stand.read('IPPool', 'twice'))?.metadata).toEqual(second.metadata);
});

it('a finalizer that somebody else took away is not put back on what is going, and its object is not missed', async () => {
  const ends = new PoolEnd({ ...quiet, client: stand.client });
  expect(await ends.reconcile('twice')).toBeUndefined();
  const held = await stand.read('IPPool', 'twice');
  const theirs = [...(held?.metadata.finalizers ?? []), 'example.org/theirs'];
  await stand.patch('IPPool', 'twice', { metadata: { finalizers: theirs } });
  await stand.remove('IPPool', 'twice');
  // Ours goes by another hand, theirs holds the pool.
  await stand.patch('IPPool', 'twice', { metadata: { finalizers: ['example.org/theirs'] } });
  expect(await ends.reconcile('twice')).toBeUndefined();
  expect((await stand.read('IPPool', 'twice'))?.metadata.finalizers).toEqual(['example.org/theirs']);
  await stand.patch('IPPool', 'twice', { metadata: { finalizers: null } });
  expect(await ends.reconcile('twice')).toBeUndefined();
  expect(await stand.read('IPPool', 'twice')).toBeUndefined();
});
