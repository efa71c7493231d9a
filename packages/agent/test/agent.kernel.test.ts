import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import type { addressNodeStatus, StatusOf } from '@muslin/api';
import { type AnyObject, RESOURCES, type Resource } from '@muslin/kube';
import { workloadInterfaceName } from '@muslin/dataplane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LINK_LANES } from '../src/kernel/thread-pool.ts';
import { must, until } from './spaces.ts';
import { Stand, type StandPod } from './stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await Stand.up();
});
afterAll(async () => {
  await stand?.down();
});

const parsed = (answer: { readonly out: string }) => JSON.parse(answer.out);
/** Without the lines that tell the time, and counters. */
const rules = () => stand.node.run('iptables-save').replace(/^#.*$|\[\d+:\d+\]/gm, '');
const handleOf = (pod: StandPod) => [...held].find(handle => handle.includes(pod.containerId));
let held: readonly string[] = [];
/** Waits until IPAM holds addresses for exactly these pods. */
async function heldBy(pods: readonly StandPod[]): Promise<void> {
  await until(
    async () => (held = [...(await stand.held()).keys()].filter(handle => handle.includes('box'))),
    handles => handles.length === pods.length && pods.every(pod => handleOf(pod) !== undefined),
    `addresses held by ${pods.map(pod => pod.containerId)} alone`,
    20_000,
  );
}
const removed = async (...pods: readonly StandPod[]) => {
  for (const answer of await Promise.all(pods.map(pod => stand.cni('DEL', pod))))
    expect(answer).toMatchObject({ code: 0, out: '' });
};
/** What an unlucky hand, or a definition that is deleted, does to the ledger. */
const deleteAll = async (...resources: readonly Resource[]) => {
  for (const resource of resources)
    for (const { metadata } of must(await stand.client.listAll<AnyObject>(resource)).items)
      must(await stand.client.delete(resource, { name: metadata.name ?? '' }));
};
/** Nothing of any pod is on the node or in IPAM. */
async function nothingLeft(): Promise<void> {
  await heldBy([]);
  await until(
    () => readdirSync(`${stand.folder}/state/releases`),
    promises => promises.length === 0,
    'every promised release is done',
  );
  expect(stand.cables()).toEqual([]);
  expect(stand.routes()).toEqual([]);
  await until(
    () => readdirSync(`${stand.folder}/state/sandboxes`),
    files => files.length === 0,
    'no sandbox is left',
  );
}

describe('a pod', () => {
  test('is answered for when its addresses, routes and rules are there, and goes without a trace', async () => {
    const pod = await stand.pod('web');
    const answer = await stand.cni('ADD', pod);
    const result = parsed(answer);
    const [cable = ''] = stand.cables();
    const ips = result.ips.map((ip: { address: string }) => ip.address);
    expect(result).toEqual({
      cniVersion: '1.1.0',
      interfaces: [
        { name: cable, mac: 'ee:ee:ee:ee:ee:ee', mtu: 1500, sandbox: '' },
        { name: 'eth0', mac: expect.stringMatching(/^[0-9a-f:]{17}$/), mtu: 1500, sandbox: pod.space.path },
      ],
      ips: [
        { interface: 1, address: expect.stringMatching(/^10\.77\.0\.\d+\/32$/), gateway: '169.254.1.1' },
        {
          ...{ interface: 1, address: expect.stringMatching(/^fd77::.*\/128$/) },
          gateway: 'fe80::ecee:eeff:feee:eeee',
        },
      ],
      dns: {},
    });
    expect([...stand.routes()].sort()).toEqual(ips.map((ip: string) => ip.split('/')[0]).sort());
    expect(rules()).toContain(cable);
    expect(await stand.cni('CHECK', pod)).toMatchObject({ code: 0, out: '' });
    await heldBy([pod]);
    const annotated = await until(
      () => stand.client.get(RESOURCES.Pod, { namespace: 'shop', name: 'web' }),
      got => got.ok && got.value.metadata.annotations?.['cni.projectcalico.org/podIP'] !== undefined,
      'the annotations are written',
    );
    expect(must(annotated).metadata.annotations).toMatchObject({
      'cni.projectcalico.org/containerID': pod.containerId,
      'cni.projectcalico.org/podIP': ips[0],
      'cni.projectcalico.org/podIPs': ips.join(','),
    });
    await removed(pod);
    await nothingLeft();
    expect(rules()).not.toContain(cable);
    // containerd sends a second one, without namespace and result.
    expect(await stand.cni('DEL', pod, { CNI_NETNS: '' })).toMatchObject({ code: 0, out: '' });
  });

  test('that nobody knows can be deleted; one without a namespace too', async () => {
    const pod = await stand.pod('ghost');
    expect(await stand.cni('DEL', { ...pod, containerId: 'unknown' })).toMatchObject({ code: 0, out: '' });
    await stand.add(pod);
    pod.space.close();
    expect(await stand.cni('DEL', pod)).toMatchObject({ code: 0, out: '' });
    await nothingLeft();
  });

  test('is refused a second ADD and keeps what it has', async () => {
    const pod = await stand.pod('twice');
    const ips = await stand.add(pod);
    expect(parsed(await stand.cni('ADD', pod))).toMatchObject({
      code: 4,
      msg: `container ${pod.containerId} has its interface eth0 already`,
    });
    // Nor does the end of an interface that it never had take its addresses away.
    expect(await stand.cni('DEL', pod, { CNI_IFNAME: 'eth1' })).toMatchObject({ code: 0 });
    expect(await stand.cni('CHECK', pod)).toMatchObject({ code: 0 });
    expect([...stand.routes()].sort()).toEqual([...ips].sort());
    await heldBy([pod]);
    await removed(pod);
  });

  test('keeps its addresses when somebody deletes the blocks that hold them: the node claims them again', async () => {
    const [older, newer] = [await stand.pod('older'), await stand.pod('newer')];
    const ips = await stand.add(older);
    await heldBy([older]);
    await deleteAll(RESOURCES.BlockAffinity, RESOURCES.IPAMBlock, RESOURCES.IPAMHandle);
    const given = await stand.add(newer);
    expect(given.filter(ip => ips.includes(ip))).toEqual([]);
    const held = (why: string) =>
      until(
        () => stand.held(),
        held => [...held.values()].join() === '2,2',
        `both addresses of both pods are held again ${why}`,
        20_000,
      );
    await held('while the agent runs');
    await stand.kill('agent');
    await deleteAll(RESOURCES.IPAMBlock);
    await stand.startAgent();
    await held('after a restart');
    await removed(older, newer);
    await nothingLeft();
  });

  test.each([
    ['a namespace that is not there', { CNI_NETNS: '/run/netns/none' }, 8],
    ['the node’s own namespace', () => ({ CNI_NETNS: stand.node.path }), 8],
    ['an interface name that is taken', { CNI_IFNAME: 'lo' }, 4],
    ['a pod that does not exist', { CNI_ARGS: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=nobody' }, 11],
    ['another UID', { CNI_ARGS: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=refused;K8S_POD_UID=other' }, 11],
    ['no pod at all', { CNI_ARGS: '' }, 4],
  ])('with %s is refused, and nothing is left', async (_, env, code) => {
    const pod = await stand
      .pod('refused')
      .catch(async () =>
        stand.sandboxOf(
          'refused',
          must(await stand.client.get(RESOURCES.Pod, { namespace: 'shop', name: 'refused' })).metadata
            .uid as string,
        ),
      );
    const answer = await stand.cni('ADD', pod, typeof env === 'function' ? env() : env);
    expect([answer.code, parsed(answer).code]).toEqual([1, code]);
    await nothingLeft();
  });

  test('in a newer sandbox takes the place of the older one, whose late DEL changes nothing', async () => {
    const older = await stand.pod('again');
    await stand.add(older);
    const newer = stand.sandboxOf('again', older.uid);
    const ips = await stand.add(newer);
    await heldBy([newer]);
    await removed(older);
    expect(await stand.cni('CHECK', newer)).toMatchObject({ code: 0 });
    expect([...stand.routes()].sort()).toEqual([...ips].sort());
    await removed(newer);
    await nothingLeft();
  });
});

test('the node tells which addresses its kernel has, and who got and gave back which', async () => {
  const [stays, goes] = [await stand.pod('witnessed'), await stand.pod('witnessed-too')];
  const [here, gone] = [await stand.add(stays), await stand.add(goes)];
  await removed(goes);
  type Told = NonNullable<StatusOf<typeof addressNodeStatus>>;
  await until(
    async () => {
      const told = await stand.client.get<AnyObject>(RESOURCES.AddressNodeStatus, { name: 'n1' });
      return ((told.ok ? told.value['status'] : undefined) ?? {}) as Told;
    },
    ({ addresses = [], conditions, ledger = [] }) => {
      const of = (what: string, who: string) =>
        ledger.findLast(entry => entry.what === what && entry.who === who)?.ips?.join();
      return (
        here.every(ip => addresses.includes(ip)) &&
        !gone.some(ip => addresses.includes(ip)) &&
        conditions?.[0]?.status === 'True' &&
        of('assigned', 'shop/witnessed') === here.join() &&
        of('released', 'shop/witnessed-too') === gone.join()
      );
    },
    'the node has told',
    25_000,
  );
  await removed(stays);
});

test('two sandboxes of one pod at once end with one that works, and nothing of the other', async () => {
  for (let i = 0; i < 4; i++) {
    const first = await stand.pod(`race-${i}`);
    const both = [first, stand.sandboxOf(first.name, first.uid)];
    const answers = await Promise.all(both.map(pod => stand.cni('ADD', pod)));
    const winners = both.filter((_, k) => answers[k]?.code === 0);
    expect(winners.length).toBeGreaterThan(0);
    // The other one's file goes when its connections were looked for.
    const last = await until(
      () => readdirSync(`${stand.folder}/state/sandboxes`),
      files => files.length === 1,
      'one sandbox is left',
    );
    const winner = both.find(pod => last[0]?.startsWith(`${pod.containerId}:`)) as StandPod;
    expect(await stand.cni('CHECK', winner)).toMatchObject({ code: 0 });
    await heldBy([winner]);
    await removed(...both);
    await nothingLeft();
  }
});

test('CHECK names what was tampered with, and what belongs to the agent is put back', async () => {
  const pod = await stand.pod('checked');
  const [four] = await stand.add(pod);
  // The agent hears of it from the kernel, and may have put it back before it is asked.
  const caught = await until(
    () => {
      stand.node.run('iptables', '-F', 'msl-pod');
      return stand.cni('CHECK', pod);
    },
    answer => answer.code !== 0,
    'CHECK is faster than the repair',
  );
  expect(parsed(caught)).toMatchObject({
    code: 101,
    msg: "the kernel lacked parts of this node's rules, which are put back now: table filter",
  });
  await until(
    () => stand.cni('CHECK', pod),
    answer => answer.code === 0,
    'the rules are back',
  );
  // So it may with the route, while it still looks after what was flushed.
  const unrouted = await until(
    () => {
      stand.node.run('ip', 'route', 'del', `${four}/32`);
      return stand.cni('CHECK', pod);
    },
    answer => answer.code !== 0,
    'CHECK is faster than the repair of the route',
  );
  expect(parsed(unrouted).msg).toMatch(`the node has no route to ${four} by msl`);
  await until(
    () => stand.cni('CHECK', pod),
    answer => answer.code === 0,
    'the route is back',
  );
  pod.space.run('ip', 'addr', 'del', `${four}/32`, 'dev', 'eth0');
  expect(parsed(await stand.cni('CHECK', pod)).msg).toBe(`interface eth0 of the pod lacks address ${four}`);
  expect(parsed(await stand.cni('CHECK', { ...pod, containerId: 'unknown' }))).toMatchObject({ code: 3 });
  await removed(pod);
});

test('one pod whose interface was torn away does not keep the others waiting', async () => {
  const [lost, next] = [await stand.pod('lost'), await stand.pod('next')];
  await stand.add(lost);
  stand.node.run('ip', 'link', 'del', stand.cables()[0] as string);
  // CHECK reads the kernel back, as the agent does now and then.
  expect(parsed(await stand.cni('CHECK', lost)).msg).toMatch(/^the node lacks interface msl/);
  await until(
    () => stand.status(),
    s => Object.keys(s.unrouted).length > 0,
    'the missing interface is seen',
  );
  expect((await stand.cni('ADD', next)).ms).toBeLessThan(5000);
  await removed(lost, next);
  await nothingLeft();
});

test('each deletion of links that may wait for the kernel has a thread of the agent to do so', () => {
  const tasks = `/proc/${stand.pidOf('agent')}/task`;
  const names = readdirSync(tasks).map(task => readFileSync(`${tasks}/${task}/comm`, 'utf8').trim());
  expect(names.filter(name => name === 'libuv-worker').length).toBeGreaterThanOrEqual(LINK_LANES + 4);
});

test('twenty ADDs at once get twenty addresses, and their DELs at once give them back', async () => {
  const pods = await Promise.all(Array.from({ length: 20 }, (_, i) => stand.pod(`many-${i}`)));
  const ips = (await Promise.all(pods.map(pod => stand.add(pod)))).flat();
  expect(new Set(ips).size).toBe(40);
  expect([...stand.routes()].sort()).toEqual([...ips].sort());
  await removed(...pods);
  await nothingLeft();
});

test('GC removes what the runtime does not name, and nothing without a list', async () => {
  const [stays, goes] = [await stand.pod('stays'), await stand.pod('goes')];
  await Promise.all([stand.add(stays), stand.add(goes)]);
  expect(await stand.cni('GC', stays)).toMatchObject({ code: 0, out: '' });
  await heldBy([stays, goes]);
  const valid = { 'cni.dev/valid-attachments': [{ containerID: stays.containerId, ifname: 'eth0' }] };
  const foreign = { name: 'another-network', 'cni.dev/valid-attachments': [] };
  expect(await stand.cni('GC', stays, {}, foreign)).toMatchObject({ code: 0, out: '' });
  await heldBy([stays, goes]);
  expect(await stand.cni('GC', stays, {}, valid)).toMatchObject({ code: 0, out: '' });
  await heldBy([stays]);
  expect(await stand.cni('CHECK', stays)).toMatchObject({ code: 0 });
  expect(await stand.cni('STATUS', stays)).toMatchObject({ code: 0, out: '' });
  await removed(stays);
});

describe('while the agent is away', () => {
  test('DELs are kept, and served when it comes back; pods that stay keep everything', async () => {
    const [goes, stays] = [await stand.pod('goes-later'), await stand.pod('stays-on')];
    await Promise.all([stand.add(goes), stand.add(stays)]);
    const before = [rules(), [...stand.routes()]];
    await stand.kill('agent');
    expect([rules(), [...stand.routes()]]).toEqual(before);
    await removed(goes);
    expect(parsed(await stand.cni('STATUS', stays))).toMatchObject({ code: 50 });
    expect(readdirSync(`${stand.folder}/state/cni-queue`)).toHaveLength(1);
    await stand.startAgent();
    await heldBy([stays]);
    expect(readdirSync(`${stand.folder}/state/cni-queue`)).toEqual([]);
    expect(await stand.cni('CHECK', stays)).toMatchObject({ code: 0 });
    await removed(stays);
    await nothingLeft();
  });

  test('a reboot takes all interfaces away: the pods of before keep nobody waiting, and go with their DELs', async () => {
    const [before, other] = [await stand.pod('before'), await stand.pod('other-before')];
    await Promise.all([stand.add(before), stand.add(other)]);
    await stand.kill('agent');
    for (const cable of stand.cables()) stand.node.run('ip', 'link', 'del', cable);
    await stand.startAgent();
    expect((await stand.status()).unrouted).toEqual({});
    // The kubelet starts the pod anew, perhaps before it cleans up.
    const after = stand.sandboxOf(before.name, before.uid);
    await stand.add(after);
    await heldBy([after, other]);
    await removed(before, other);
    expect(await stand.cni('CHECK', after)).toMatchObject({ code: 0 });
    await removed(after);
    await nothingLeft();
  });

  test('killed again and again in the middle of ADDs, it leaves nothing that no sandbox has', async () => {
    const pods = await Promise.all(Array.from({ length: 12 }, (_, i) => stand.pod(`torn-${i}`)));
    const answered: StandPod[] = [];
    for (const [i, delay] of [15, 60, 120].entries()) {
      const some = pods.slice(i * 4, i * 4 + 4);
      const adds = some.map(pod => stand.cni('ADD', pod));
      await new Promise(resolve => setTimeout(resolve, delay));
      await stand.kill('agent');
      const codes = (await Promise.all(adds)).map(answer => answer.code);
      answered.push(...some.filter((_, k) => codes[k] === 0));
      await stand.startAgent();
    }
    // A sandbox may be ready though its answer got lost: the runtime removes it, as it does after every failed ADD.
    await removed(...pods.filter(pod => !answered.includes(pod)));
    await heldBy(answered);
    expect(stand.cables()).toHaveLength(answered.length);
    expect(stand.routes()).toHaveLength(answered.length * 2);
    for (const pod of answered) expect(await stand.cni('CHECK', pod)).toMatchObject({ code: 0 });
    await removed(...answered);
    await nothingLeft();
  });

  test('what it half made, or had not finished removing, is taken back at its return even if the runtime never asks', async () => {
    const parting = await stand.pod('parting');
    await stand.add(parting);
    const file = `${stand.folder}/state/sandboxes/${parting.containerId}:eth0.json`;
    const sandbox = JSON.parse(readFileSync(file, 'utf8'));
    const pods = await Promise.all(Array.from({ length: 6 }, (_, i) => stand.pod(`half-${i}`)));
    const adds = pods.map(pod => stand.cni('ADD', pod));
    await until(
      () => stand.cables().length,
      count => count > 0,
      'an interface is there',
    );
    expect(await stand.cni('DEL', parting)).toMatchObject({ code: 0 });
    await stand.kill('agent');
    await Promise.all(adds);
    // As it is until connections were looked for, however soon after the answer it died.
    writeFileSync(file, JSON.stringify({ ...sandbox, state: 'leaving' }));
    await stand.startAgent();
    expect(existsSync(file)).toBe(false);
    const kept = readdirSync(`${stand.folder}/state/sandboxes`);
    const ready = pods.filter(pod => kept.some(name => name.startsWith(`${pod.containerId}:`)));
    await heldBy(ready);
    expect(stand.cables()).toHaveLength(ready.length);
    await removed(...pods);
    await nothingLeft();
  });
});

describe('a pod whose rules are prepared', () => {
  const linkOf = (name: string) => workloadInterfaceName('shop', name);
  const rulesOf = (name: string, there: boolean) =>
    until(
      () => rules().includes(linkOf(name)),
      found => found === there,
      `rules of ${name} are ${there ? 'there' : 'gone'}`,
    );
  /** As the kubelet does once nothing of the pod is left. */
  const end = async (name: string) =>
    must(await stand.client.delete(RESOURCES.Pod, { namespace: 'shop', name }, { gracePeriodSeconds: 0 }));
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
  /** Pods of earlier tests would be prepared, too. */
  beforeAll(async () => {
    await deleteAllPods();
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
  const deleteAllPods = async () => {
    for (const { metadata } of must(await stand.client.listAll<AnyObject>(RESOURCES.Pod)).items)
      await end(metadata.name ?? '');
  };

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

describe('while the API server is away', () => {
  test('pods that it knew get addresses that the node keeps, and it is told afterwards', async () => {
    const before = await stand.pod('kept-0');
    const pods = await Promise.all([1, 2, 3, 4].map(i => stand.pod(`kept-${i}`)));
    await stand.add(before);
    await until(
      async () => must(await stand.client.listAll<AnyObject>(RESOURCES.IPAMBlock)).items,
      blocks => blocks.length === 2 && blocks.every(block => block.metadata.annotations?.['muslin.dev/kept']),
      'addresses of both families are kept',
    );
    await until(
      () => stand.status(),
      status => status?.keptAddresses >= 8,
      'the agent knows what it keeps',
    );
    await stand.kill('api');
    const given = await Promise.all(pods.map(pod => stand.add(pod)));
    expect(new Set(given.flat()).size).toBe(8);
    for (const pod of pods) expect(await stand.cni('CHECK', pod)).toMatchObject({ code: 0 });
    const [gone, killed, ...stay] = pods as [StandPod, StandPod, ...StandPod[]];
    expect(await stand.cni('DEL', gone)).toMatchObject({ code: 0 });
    // What was not told survives the program.
    await stand.kill('agent');
    stand.launchAgent();
    await until(
      () => stand.status(),
      status => status !== undefined,
      'the agent serves',
    );
    expect(await stand.cni('DEL', killed)).toMatchObject({ code: 0 });
    await stand.startApi();
    await until(
      () => stand.status(),
      status => status?.ready === true,
      'the agent is ready again',
      20_000,
    );
    await heldBy([before, ...stay]);
    await removed(before, ...stay);
    await nothingLeft();
  });
  test('a DEL succeeds at once, and the address is given back later, over a restart too', async () => {
    const [first, second] = [await stand.pod('orphan-1'), await stand.pod('orphan-2')];
    await Promise.all([stand.add(first), stand.add(second)]);
    await stand.kill('api');
    const answer = await stand.cni('DEL', first);
    expect(answer).toMatchObject({ code: 0, out: '' });
    expect(answer.ms).toBeLessThan(6000);
    await stand.kill('agent');
    stand.launchAgent();
    await until(
      () => stand.status(),
      status => status !== undefined,
      'the agent serves',
    );
    // This one does not know the cluster yet, and deletes all the same.
    expect((await stand.cni('DEL', second)).code).toBe(0);
    expect(stand.cables()).toEqual([]);
    expect(parsed(await stand.cni('ADD', first))).toMatchObject({ code: 11 });
    const status = await stand.status();
    expect(status).toMatchObject({ ready: false, staleSince: expect.any(Number) });
    expect(status.waitingFor).toContain('Pod');
    // Written down after the answer; until then the sandbox is there, as leaving.
    await until(
      () => readdirSync(`${stand.folder}/state/releases`).length,
      promises => promises === 2,
      'both addresses are promised back',
    );
    await stand.startApi();
    await until(
      () => stand.status(),
      s => s?.ready === true,
      'the agent is ready again',
      20_000,
    );
    await nothingLeft();
  });
});

test('a CRD that is missing is named in the log', async () => {
  const name = 'ipreservations.projectcalico.org';
  must(await stand.client.delete(RESOURCES.CustomResourceDefinition, { name }));
  await stand.kill('agent');
  stand.launchAgent();
  await until(
    () => stand.log,
    log => log.includes('install the CRD ipreservations.projectcalico.org; no pod can start before'),
    'the log names the CRD',
  );
  expect(await stand.status()).toMatchObject({ ready: false, waitingFor: ['IPReservation'] });
});

test('no secret got into the log', () => {
  expect(stand.log.length).toBeGreaterThan(0);
  expect(stand.log).not.toContain('a-token-that-no-log-may-show');
  expect(stand.log).not.toContain('"level":60');
});
