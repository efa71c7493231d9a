import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { type AnyObject, RESOURCES } from '@muslin/kube';
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
const { rules, heldBy, removed, nothingLeft } = traces(() => stand);

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
      40_000,
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
      40_000,
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

test('no secret got into the log', () => {
  expect(stand.log.length).toBeGreaterThan(0);
  expect(stand.log).not.toContain('a-token-that-no-log-may-show');
  expect(stand.log).not.toContain('"level":60');
});

describe('a DEL that was answered', () => {
  const rulesOf = (cables: readonly string[]) => cables.filter(cable => rules().includes(cable));
  const leaving = () =>
    readdirSync(`${stand.folder}/state/sandboxes`).filter(name => name.endsWith('.leaving.json'));

  test('and whose agent is killed at that moment leaves nothing after the next one’s first round', async () => {
    const pods = await Promise.all(Array.from({ length: 8 }, (_, i) => stand.pod(`answered-${i}`)));
    await Promise.all(pods.map(pod => stand.add(pod)));
    const cables = stand.cables();
    expect(rulesOf(cables)).toHaveLength(8);
    const dels = pods.map(pod => stand.cni('DEL', pod));
    await Promise.race(dels);
    await stand.kill('agent');
    // Those that were not answered are kept for the next agent.
    for (const answer of await Promise.all(dels)) expect(answer).toMatchObject({ code: 0, out: '' });
    await stand.startAgent();
    await nothingLeft();
    await until(
      () => rulesOf(cables),
      left => left.length === 0,
      'no rule of theirs is left',
    );
    await removed(...pods);
  });

  test('is done as soon as the kernel lets its rules go; until then its address is nobody’s, and STATUS says why', async () => {
    const pod = await stand.pod('clung');
    await stand.add(pod);
    const [cable = ''] = stand.cables();
    const chain = new RegExp(`^-A \\S+ -i ${cable} .*-[gj] (msl\\S+)`, 'm').exec(rules())?.[1] ?? '';
    expect(chain).not.toBe('');
    // A chain that somebody's rule leads to can't be deleted.
    stand.node.run('iptables', '-N', 'clinging');
    stand.node.run('iptables', '-A', 'clinging', '-j', chain);
    await removed(pod);
    expect(stand.cables()).toEqual([]);
    await until(
      () => stand.cni('STATUS', pod),
      answer => answer.code === 1 && parsed(answer).code === 51,
      'STATUS tells of it',
    );
    expect([leaving(), (await stand.status()).leaving]).toEqual([
      [expect.stringContaining(pod.containerId)],
      1,
    ]);
    await heldBy([pod]);
    expect(stand.log).toContain('reading back and trying again');
    // Again, as containerd does.
    await removed(pod);
    stand.node.run('iptables', '-F', 'clinging');
    await nothingLeft();
    expect(rulesOf([cable])).toEqual([]);
    stand.node.run('iptables', '-X', 'clinging');
    await until(
      () => stand.cni('STATUS', pod),
      answer => answer.code === 0,
      'all is well again',
    );
  });
});
