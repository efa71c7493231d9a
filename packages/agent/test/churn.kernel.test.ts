import { readdirSync } from 'node:fs';
import { RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must, until } from './spaces.ts';
import { Stand, type StandPod } from './stand.ts';

/**
 * `CHURN_PODS=500` for the long way, in waves of `CHURN_WAVE`; `CHURN_BACK_END=nftables` (or iptables-nft, iptables-legacy)
 * for one that is not chosen by itself.
 */
const PODS = Number(process.env['CHURN_PODS'] ?? 60);
const WAVE = Number(process.env['CHURN_WAVE'] ?? 20);
const [WHERE = 'auto', FAMILY = 'auto'] = (process.env['CHURN_BACK_END'] ?? 'auto').split('-');
const AGENT = ['--dataplane', WHERE, '--iptables', FAMILY];
const AT_ONCE = Math.ceil(WAVE * 0.4);

let stand: Stand;
beforeAll(async () => {
  stand = await Stand.up(...AGENT);
  await stand.create({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'shop', name: 'churn' },
    spec: {
      podSelector: {},
      ingress: [{ from: [{ podSelector: { matchLabels: { role: 'friend' } } }] }],
    },
  });
});
afterAll(async () => {
  await stand?.down();
});

/** All of ours in the kernel of the node, without counters; names of sets' other lives count as the same. */
const kernel = () => ({
  rules: ['iptables-save', 'ip6tables-save'].flatMap(tool =>
    stand.node
      .run(tool)
      .split('\n')
      .filter(line => /^(-A |:msl)/.test(line))
      .map(line => line.replace(/ \[\d+:\d+\]$/, '')),
  ),
  tables: stand.node.run('nft', '--stateless', 'list', 'ruleset').split('\n').toSorted(),
  sets: stand.node
    .run('ipset', 'list')
    .replace(/^(Size in memory|References|Number of entries|Header):.*$/gm, ''),
  links: stand.node.ip('link', 'show').map(link => link.ifname as string),
  neighbours: stand.node.run('ip', 'neigh', 'show', 'nud', 'permanent'),
  routes: stand.routes(),
});

/** undefined: a set went away while iptables looked for its name. */
function kernelAtRest(): ReturnType<typeof kernel> | undefined {
  try {
    return kernel();
  } catch {
    return undefined;
  }
}

async function inSteps<T>(all: readonly T[], work: (each: T, i: number) => Promise<void>): Promise<void> {
  for (let i = 0; i < all.length; i += AT_ONCE)
    await Promise.all(all.slice(i, i + AT_ONCE).map((each, j) => work(each, i + j)));
}

const config = (i: number) =>
  i % 3 === 0
    ? { runtimeConfig: { portMappings: [{ hostPort: 20_000 + i, containerPort: 80, protocol: 'tcp' }] } }
    : {};
const call = async (command: string, pod: StandPod, ifname: string, i: number) => {
  const answer = await stand.cni(command, pod, { CNI_IFNAME: ifname }, config(i));
  if (answer.code !== 0) throw new Error(`${command} of ${pod.name}: ${answer.out}`);
};
const interfacesOf = (i: number) => (i % 4 === 0 ? ['eth0', 'net1'] : ['eth0']);

test(
  `${PODS} pods that come and go leave nothing, though API server, agent and executables die among their DELs`,
  async () => {
    const probe = await stand.pod('first', { role: 'friend' });
    // With a hostPort: empty tables of iptables stay once there were any.
    await call('ADD', probe, 'eth0', 0);
    await call('DEL', probe, 'eth0', 0);
    await stand.client.delete(RESOURCES.Pod, { namespace: 'shop', name: 'first' });
    const seen = async () => {
      // A repeated ADD and DEL would hide what the last one left: nobody comes any more.
      await until(
        () => [...stand.cables(), ...stand.routes(), ...readdirSync(`${stand.folder}/state/sandboxes`)],
        left => left.length === 0,
        'no interface, route or file of a pod is left',
        30_000,
      );
      return until(kernelAtRest, found => found !== undefined, 'the kernel can be read', 10_000);
    };
    const before = await seen();
    for (let from = 0; from < PODS; from += WAVE) {
      const numbers = Array.from({ length: Math.min(WAVE, PODS - from) }, (_, i) => from + i);
      const pods = new Map<number, StandPod>();
      await inSteps(numbers, async i => {
        const pod = await stand.pod(`churn-${i}`, { role: i % 2 === 0 ? 'friend' : 'stranger' });
        pods.set(i, pod);
        for (const ifname of interfacesOf(i)) await call('ADD', pod, ifname, i);
      });
      expect(stand.cables()).toHaveLength(numbers.flatMap(interfacesOf).length);
      let gone = 0;
      let dead: Promise<unknown> | undefined;
      const agentDies = from % (3 * WAVE) === 0;
      await inSteps(numbers, async i => {
        if (gone++ === numbers.length >> 1)
          dead = Promise.all([stand.kill('api'), ...(agentDies ? [stand.kill('agent')] : [])]);
        const pod = pods.get(i) as StandPod;
        // Some lose their namespace first, some their first executable, and every sandbox gets DEL twice.
        if (i % 5 === 0) pod.space.close();
        if (i % 6 === 0) await stand.cni('DEL', pod, {}, config(i), 1 + (i % 5));
        for (const ifname of interfacesOf(i).toReversed()) await call('DEL', pod, ifname, i);
        for (const ifname of interfacesOf(i))
          await call('DEL', { ...pod, space: { ...pod.space, path: '' } }, ifname, i);
        if (i % 5 !== 0) pod.space.close();
      });
      await dead;
      await stand.startApi();
      if (agentDies) await stand.startAgent(...AGENT);
      await inSteps(numbers, async i => {
        const name = { namespace: 'shop', name: `churn-${i}` };
        await until(
          () => stand.client.delete(RESOURCES.Pod, name),
          done => done.ok || done.fault.code === 'NotFound',
          'the Pod goes',
          30_000,
        );
      });
    }
    await until(
      () => stand.held(),
      held => ![...held.keys()].some(handle => handle.includes('box')),
      'no address is held',
      40_000,
    );
    await until(
      () => readdirSync(`${stand.folder}/state/releases`),
      left => left.length === 0,
      'no promise is left',
      20_000,
    );
    const after = await until(
      seen,
      now => JSON.stringify(now) === JSON.stringify(before),
      'the kernel is as before',
      30_000,
    );
    expect(after).toEqual(before);
    expect(must(await stand.client.listAll(RESOURCES.IPAMHandle)).items).toEqual([]);
  },
  60_000 + PODS * 2_000,
);
