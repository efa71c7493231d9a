import { type AnyObject, RESOURCES } from '@muslin/kube';
import { workloadInterfaceName } from '@muslin/dataplane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must, until } from './spaces.ts';
import { Stand, type StandPod } from './stand.ts';
import { parsed, traces } from './traces.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await Stand.up();
});
afterAll(async () => {
  await stand?.down();
});
const { rules, heldBy, removed, end, nothingLeft } = traces(() => stand);

describe('a pod whose rules are prepared', () => {
  const linkOf = (name: string) => workloadInterfaceName('shop', name);
  const rulesOf = (name: string, there: boolean) =>
    until(
      () => rules().includes(linkOf(name)),
      found => found === there,
      `rules of ${name} are ${there ? 'there' : 'gone'}`,
    );
  const change = async (name: string, body: object, subresource?: string) =>
    must(
      await stand.client.patch(
        RESOURCES.Pod,
        { namespace: 'shop', name },
        { type: 'merge', body },
        subresource === undefined ? {} : { subresource },
      ),
    );
  const forget = async (...names: readonly string[]) => {
    for (const name of names) await end(name);
    for (const name of names) await rulesOf(name, false);
  };
  beforeAll(async () => {
    // A block of this node, of which something is in hand.
    const pod = await stand.pod('first');
    await stand.add(pod);
    await until(
      () => stand.status(),
      status => status?.keptAddresses >= 8,
      'addresses are in hand',
    );
    await removed(pod);
    await nothingLeft();
    await end('first');
  });

  test('has them before its ADD, without being told as one of the node’s, and its ADD takes what was reserved', async () => {
    const pod = await stand.pod('soon');
    await rulesOf('soon', true);
    const before = await stand.status();
    expect(before.preparedPods).toBeGreaterThan(0);
    expect(before.endpoints).toEqual([]);
    expect(stand.routes()).toEqual([]);
    await heldBy([]);
    const loaded = rules();
    const ips = await stand.add(pod);
    expect(rules(), 'the ADD loads no rule').toBe(loaded);
    expect(loaded).toContain(ips[0]);
    expect(await stand.cni('CHECK', pod)).toMatchObject({ code: 0, out: '' });
    expect((await stand.status()).endpoints).toEqual(['pod/shop/soon']);
    await heldBy([pod]);
    await removed(pod);
    await nothingLeft();
    await forget('soon');
  });

  test('and that never gets an interface leaves nothing: deleted, finished, or with an address from elsewhere', async () => {
    for (const name of ['deleted', 'finished', 'elsewhere']) await stand.pod(name);
    for (const name of ['deleted', 'finished', 'elsewhere']) await rulesOf(name, true);
    await end('deleted');
    await change('finished', { status: { phase: 'Failed' } }, 'status');
    await change('elsewhere', { metadata: { annotations: { 'v1.multus-cni.io/default-network': 'x' } } });
    for (const name of ['deleted', 'finished', 'elsewhere']) await rulesOf(name, false);
    await until(
      () => stand.status(),
      status => status?.preparedPods === 0 && status.keptAddresses >= 8,
      'what was reserved is in hand again',
    );
    await forget('finished', 'elsewhere');
    await nothingLeft();
  });

  test('and whose ADD asks for another address gets that, and nothing else stays', async () => {
    // One of each block of the node that is not in its hand: what the pod would not get.
    const asked = must(await stand.client.listAll<AnyObject>(RESOURCES.IPAMBlock)).items.map(block => {
      const { cidr, unallocated } = block['spec'] as {
        readonly cidr: string;
        readonly unallocated: readonly number[];
      };
      const kept = (block.metadata.annotations?.['muslin.dev/kept'] ?? '').split(',').map(Number);
      const free = unallocated.find(ordinal => !kept.includes(ordinal)) ?? 0;
      const [ip = ''] = cidr.split('/');
      return ip.includes(':')
        ? ip.replace(/[0-9a-f]*$/, last => (Number.parseInt(last || '0', 16) + free).toString(16))
        : ip.replace(/\d+$/, last => `${Number(last) + free}`);
    });
    const pod = await stand.pod('wishes');
    await rulesOf('wishes', true);
    const answer = await stand.cni(
      'ADD',
      pod,
      {},
      { capabilities: { ips: true }, runtimeConfig: { ips: asked } },
    );
    const given = parsed(answer).ips?.map((ip: { address: string }) => ip.address.split('/')[0]);
    expect(given, answer.out).toHaveLength(2);
    for (const ip of given) expect(stand.routes()).toContain(ip);
    expect(rules()).toContain(given.find((ip: string) => ip.includes('.')));
    await until(
      () => stand.status(),
      status => status?.preparedPods === 0,
      'nothing is reserved for it',
    );
    await heldBy([pod]);
    await removed(pod);
    await nothingLeft();
    await forget('wishes');
  });

  test('and whose ADD wishes for a MAC has that, and what was reserved', async () => {
    const pod = await stand.pod('named');
    await rulesOf('named', true);
    const loaded = rules();
    const wish = { capabilities: { mac: true }, runtimeConfig: { mac: '02:00:00:00:00:42' } };
    expect(await stand.cni('ADD', pod, {}, wish)).toMatchObject({ code: 0 });
    expect(rules(), 'the ADD loads no rule').toBe(loaded);
    expect(pod.space.ip('link', 'show', 'eth0')[0].address).toBe('02:00:00:00:00:42');
    await removed(pod);
    await nothingLeft();
    await forget('named');
  });

  test('and whose first ADD is for another interface has other addresses for that: what was reserved stays for eth0', async () => {
    const pod = await stand.pod('second');
    await rulesOf('second', true);
    const further = await stand.cni('ADD', pod, { CNI_IFNAME: 'net1' });
    expect(further.code, further.out).toBe(0);
    const given: readonly string[] = parsed(further).ips.map(
      (ip: { address: string }) => ip.address.split('/')[0],
    );
    const ips = await stand.add(pod);
    expect(new Set([...given, ...ips]).size).toBe(given.length + ips.length);
    expect((await stand.cni('DEL', pod, { CNI_IFNAME: 'net1' })).code).toBe(0);
    await removed(pod);
    await nothingLeft();
    await forget('second');
  });

  test('and whose ADD has its addresses from another plugin leaves nothing reserved, for whoever else is on the way either', async () => {
    const [pod] = [await stand.pod('theirs'), await stand.pod('beside')];
    for (const name of ['theirs', 'beside']) await rulesOf(name, true);
    const ipam = { type: 'host-local', dataDir: `${stand.folder}/theirs`, subnet: '10.99.0.0/24' };
    const env = { CNI_PATH: '/usr/lib/cni' };
    const answer = await stand.cni('ADD', pod, env, { ipam });
    expect(answer.code, answer.out).toBe(0);
    expect(parsed(answer).ips[0].address).toMatch(/^10\.99\.0\./);
    await until(
      () => stand.status(),
      status => status?.preparedPods === 0,
      'nobody is prepared',
    );
    expect((await stand.cni('DEL', pod, env, { ipam })).code).toBe(0);
    await end('theirs');
    // Ours again: the next ADD shows it.
    const ours = await stand.pod('ours');
    await stand.add(ours);
    await removed(ours);
    await nothingLeft();
    await rulesOf('theirs', false);
    await forget('beside', 'ours');
  });

  test('and whose ADD fails leaves nothing, and the next one succeeds', async () => {
    const pod = await stand.pod('fails');
    await rulesOf('fails', true);
    // The pod's namespace has such an interface: found after the claim only where the examination is passed.
    const other = { ...pod, space: { ...pod.space, path: '/run/netns/nowhere' } } as StandPod;
    expect((await stand.cni('ADD', other)).code).not.toBe(0);
    await stand.add(pod);
    await removed(pod);
    await nothingLeft();
    await forget('fails');
  });

  test('and that a newer one of its name takes the place of: the newer one gets its own', async () => {
    await stand.pod('again');
    await rulesOf('again', true);
    await end('again');
    const newer = await stand.pod('again', { app: 'other' });
    await stand.add(newer);
    expect((await stand.status()).endpoints).toEqual(['pod/shop/again']);
    await heldBy([newer]);
    await removed(newer);
    await nothingLeft();
    await forget('again');
  });

  test('and that an agent was killed over: the next agent prepares who still comes, and takes away the others’ rules', async () => {
    const stays = await stand.pod('stays');
    await stand.pod('leaves');
    await rulesOf('stays', true);
    await rulesOf('leaves', true);
    await stand.kill('agent');
    await end('leaves');
    await stand.startAgent();
    await rulesOf('leaves', false);
    await rulesOf('stays', true);
    await stand.add(stays);
    await heldBy([stays]);
    await removed(stays);
    await nothingLeft();
    await forget('stays');
  });

  test('and more than there are addresses: whoever is there first goes before them', async () => {
    const many = await Promise.all(Array.from({ length: 20 }, (_, i) => stand.pod(`many-${i}`)));
    await until(
      () => stand.status(),
      status => status?.preparedPods > 8,
      'some are prepared',
    );
    await stand.kill('api');
    const last = many.at(-1) as StandPod;
    const first = many[0] as StandPod;
    const [a, b] = await Promise.all([stand.add(last), stand.add(first)]);
    expect(new Set([...(a ?? []), ...(b ?? [])]).size).toBe(4);
    await stand.startApi();
    await heldBy([first, last]);
    await removed(first, last);
    await forget(...many.map(({ name }) => name));
    await nothingLeft();
  });
});
