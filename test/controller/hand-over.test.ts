import { nameOf, RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Replica, Stand } from './stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await Stand.up();
}, 60_000);
afterAll(() => stand?.down());

it('when the leader dies by kill -9, the other goes on where it was, and finds what changed meanwhile', async () => {
  const replicas = [stand.startController('a'), stand.startController('b')];
  const leading = async () => {
    const roles = await Promise.all(
      replicas.map(async replica => ((await replica.status())?.role === 'leader' ? [replica] : [])),
    );
    return roles.flat();
  };
  await stand.untilTrue('one leads', async () => (await leading()).length === 1);
  await stand.make('IPPool', {
    metadata: { name: 'services' },
    spec: { cidr: '203.0.113.0/28', allowedUses: ['LoadBalancer'], blockSize: 28 },
  });
  const service = (name: string) =>
    stand.make('Service', {
      metadata: { name, namespace: 'default' },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    });
  const served = async (name: string) =>
    JSON.stringify((await stand.read('Service', name, 'default'))?.['status'] ?? {}).includes('203.0.113.');
  await service('before');
  await stand.untilTrue('the first is served', () => served('before'));

  const [leader] = (await leading()) as [Replica];
  const follower = replicas.find(replica => replica !== leader) as Replica;
  const before = JSON.stringify((await stand.read('Service', 'before', 'default'))?.['status']);
  await leader.kill();
  // While nobody leads: one comes, one goes.
  await service('meanwhile');
  await stand.remove('Service', 'before', 'default');
  await service('before');
  await stand.untilTrue('the other leads', async () => (await follower.status())?.role === 'leader');
  await stand.untilTrue(
    'both are served',
    async () => (await served('meanwhile')) && (await served('before')),
  );
  expect(before).toContain('203.0.113.');
  const blocks = await stand.all({
    ...{
      group: 'projectcalico.org',
      version: 'v3',
      plural: 'ipamblocks',
      kind: 'IPAMBlock',
      namespaced: false,
    },
  });
  await stand.untilTrue('nothing is kept of the Service that is gone', async () => {
    const handles = await stand.all({
      ...{
        group: 'projectcalico.org',
        version: 'v3',
        plural: 'ipamhandles',
        kind: 'IPAMHandle',
        namespaced: false,
      },
    });
    return handles.length === 2;
  });
  expect(blocks).toHaveLength(1);

  // Somebody takes the Lease away under the one who leads.
  const [lease] = await stand.all(RESOURCES.Lease);
  if (lease === undefined) throw new Error('there is no Lease');
  const id = (await follower.status())?.id;
  await stand.client.delete(RESOURCES.Lease, nameOf(lease));
  await service('afterwards');
  await stand.untilTrue('the Lease is there again, and held by who is left', async () => {
    const [again] = await stand.all(RESOURCES.Lease);
    const held = again?.['spec'] as { readonly holderIdentity?: string } | undefined;
    return again?.metadata.uid !== lease.metadata.uid && held?.holderIdentity === id;
  });
  await stand.untilTrue('it leads and works', async () => {
    return (await follower.status())?.role === 'leader' && (await served('afterwards'));
  });
});
