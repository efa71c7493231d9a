import { readFileSync, readdirSync } from 'node:fs';
import type { addressNodeStatus, StatusOf } from '@muslin/api';
import { type AnyObject, RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LINK_LANES } from '../src/kernel/thread-pool.ts';
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
const { rules, heldBy, removed, deleteAll, nothingLeft } = traces(() => stand);

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
test('a CRD that is missing is named in the log', async () => {
  const name = 'ipreservations.projectcalico.org';
  must(await stand.client.delete(RESOURCES.CustomResourceDefinition, { name }));
  await stand.kill('agent');
  stand.launchAgent();
  await until(
    () => stand.log,
    log => log.includes('install the CRD ipreservations.projectcalico.org; no pod can start before'),
    'the log names the CRD',
    40_000,
  );
  expect(await stand.status()).toMatchObject({ ready: false, waitingFor: ['IPReservation'] });
});

test('no secret got into the log', () => {
  expect(stand.log.length).toBeGreaterThan(0);
  expect(stand.log).not.toContain('a-token-that-no-log-may-show');
  expect(stand.log).not.toContain('"level":60');
});
