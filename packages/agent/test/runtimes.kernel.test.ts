import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openNamespace } from '@muslin/linux';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CNI_VERSIONS, compareVersions } from '../src/cni/cni-request.ts';
import { CNI_TABLE, type CniRow } from './cni-table.ts';
import { Containerd } from './containerd.ts';
import type { CriPod } from './cri-client.ts';
import { makeSpace, must, until } from './spaces.ts';
import { Stand, type StandPod } from './stand.ts';
import { hear, serveWord } from './talk.ts';

/** `RUNTIMES=long` (`npm run proof -- runtimes`): more pods, and every request to both executables. */
const LONG = process.env['RUNTIMES'] === 'long';
const PODS = LONG ? 200 : 4;
const AT_ONCE = 8;
/** Of the agent while sandboxes that were felled are tried again. */
const RESTARTS = LONG ? 10 : 0;
const [MAKE_PIPE, UNMOUNT] = ['mkfifo', 'umount'] as const;
const GUIDE = readFileSync(fileURLToPath(new URL('../../../docs/cni.md', import.meta.url)), 'utf8');

const INSTALL = fileURLToPath(new URL('../src/install-cni.ts', import.meta.url));
const FLAGS = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'];

let stand: Stand;
let containerd: Containerd;
beforeAll(async () => {
  stand = await Stand.up();
  await stand.create({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'shop', name: 'guard' },
    spec: {
      podSelector: { matchLabels: { guarded: 'yes' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'friend' } } }] }],
    },
  });
  // The list of plugins that the guide shows.
  const shown = JSON.parse(/```json\n(.*?)```/s.exec(GUIDE)?.[1] ?? '');
  containerd = await Containerd.up(stand, shown);
});
afterAll(async () => {
  await containerd?.down();
  await stand?.down();
});

/** A Pod at the API server and its sandbox in containerd. */
async function start(
  name: string,
  labels: Readonly<Record<string, string>> = { app: name },
  asked: Pick<CriPod, 'ports' | 'annotations'> = {},
) {
  const made = await stand.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'shop', name, labels },
    spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }] },
  });
  const pod = { name, uid: made.metadata.uid as string };
  const id = await containerd.cri.run({ ...pod, ...asked });
  const path = `${stand.folder}/state/sandboxes/${id}:eth0.json`;
  const { netns, ips } = JSON.parse(readFileSync(path, 'utf8')) as { netns: string; ips: string[] };
  return { ...pod, id, netns, ips };
}
type Started = Awaited<ReturnType<typeof start>>;

async function end({ id }: Started): Promise<void> {
  await containerd.cri.stop(id);
  await containerd.cri.remove(id);
}

async function nothingOf(...pods: readonly Started[]): Promise<void> {
  await until(
    () => readdirSync(`${stand.folder}/state/sandboxes`),
    files => files.length === 0,
    'no sandbox is kept',
    20_000,
  );
  expect([stand.cables(), stand.routes()]).toEqual([[], []]);
  for (const { netns } of pods) expect(existsSync(netns)).toBe(false);
  await until(
    () => stand.held(),
    held => pods.every(({ id }) => ![...held.keys()].some(handle => handle.includes(id))),
    'no address is held',
    20_000,
  );
}

test('pods of a real containerd have addresses, hostPorts, limits and their policy, and leave nothing', async () => {
  const guarded = await start(
    'guarded',
    { guarded: 'yes' },
    {
      ports: [{ hostPort: 8080, containerPort: 80 }],
      annotations: { 'kubernetes.io/ingress-bandwidth': '8M', 'kubernetes.io/egress-bandwidth': '4M' },
    },
  );
  expect(stand.node.run('tc', 'qdisc', 'show', 'dev', stand.cables()[0] as string)).toContain('rate 8Mbit');
  const friend = await start('friend');
  const stranger = await start('stranger');
  expect(await containerd.cri.ipsOf(guarded.id)).toEqual(guarded.ips);
  expect(guarded.ips.map(ip => ip.includes(':'))).toEqual([false, true]);
  stand.node.run('ip', 'addr', 'replace', '192.0.2.1/32', 'dev', 'lo');
  using inside = must(openNamespace(guarded.netns));
  using near = must(openNamespace(friend.netns));
  using far = must(openNamespace(stranger.netns));
  const ways = [...guarded.ips.map(ip => [ip, 80] as const), ['192.0.2.1', 8080] as const];
  const closes = await Promise.all(guarded.ips.map(ip => serveWord(inside, ip, 80, 'secret')));
  expect(await Promise.all(ways.map(([ip, port]) => hear(near, ip, port)))).toEqual(
    ways.map(() => expect.stringMatching(/^secret /)),
  );
  expect(await Promise.all(ways.map(([ip, port]) => hear(far, ip, port)))).toEqual(ways.map(() => undefined));
  for (const close of closes) await close();
  expect(stand.node.run('nsenter', `--net=${guarded.netns}`, 'ip', '-o', 'addr', 'show', 'lo')).toContain(
    '127.0.0.1/8',
  );
  for (const pod of [guarded, friend, stranger]) await end(pod);
  await nothingOf(guarded, friend, stranger);
});

test('lo of a pod is up in every version of results, stays up, and is refused where there is no pod', () => {
  const box = makeSpace();
  box.run('ip', 'link', 'set', 'lo', 'down');
  const lo = (command: string, cniVersion: string, netns = box.path) => {
    const env = { CNI_COMMAND: command, CNI_NETNS: netns, CNI_IFNAME: 'lo', CNI_CONTAINERID: 'box' };
    const input = JSON.stringify({ cniVersion, name: 'cni-loopback', type: 'loopback' });
    const done = spawnSync(`${stand.folder}/bin/loopback`, { env, input, encoding: 'utf8' });
    return [done.status, done.stdout === '' ? undefined : JSON.parse(done.stdout)];
  };
  expect(lo('CHECK', '1.0.0')).toMatchObject([1, { code: 5, details: 'lo is down' }]);
  const lists = [4, 6].map(version => ({ address: version === 4 ? '127.0.0.1/8' : '::1/128', interface: 0 }));
  const old = lists.map((each, i) => ({ version: i === 0 ? '4' : '6', ...each }));
  const interfaces = [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: box.path }];
  expect(lo('ADD', '0.2.0')).toEqual([
    0,
    { cniVersion: '0.2.0', ip4: { ip: '127.0.0.1/8' }, ip6: { ip: '::1/128' } },
  ]);
  expect(lo('ADD', '0.3.1')).toEqual([0, { cniVersion: '0.3.1', interfaces, ips: old }]);
  expect(lo('ADD', '1.1.0')).toEqual([0, { cniVersion: '1.1.0', interfaces, ips: lists }]);
  for (const command of ['CHECK', 'DEL', 'CHECK', 'GC', 'STATUS'])
    expect(lo(command, '1.1.0')).toEqual([0, undefined]);
  expect(lo('ADD', '1.1.0', '/run/netns/gone-for-good')).toMatchObject([
    1,
    { code: 5, details: 'No such file or directory' },
  ]);
  expect(lo('DEL', '1.1.0', '/run/netns/gone-for-good')).toEqual([0, undefined]);
  box.close();
});

test('its pods end while agent and API server are away, and are cleared when these are back', async () => {
  const pods = [await start('late-1'), await start('late-2')];
  await stand.kill('agent');
  await stand.kill('api');
  for (const pod of pods) await end(pod);
  expect(readdirSync(`${stand.folder}/state/cni-queue`).length).toBeGreaterThanOrEqual(pods.length);
  await stand.startApi();
  await stand.startAgent();
  await nothingOf(...pods);
});

test('its pods of before a reboot keep their addresses until they are removed, and go without namespaces; new ones get others', async () => {
  const before = [await start('boot-1'), await start('boot-2')];
  const promised = before.flatMap(({ ips }) => ips);
  await stand.kill('agent');
  await containerd.losePower();
  for (const { netns } of before) {
    spawnSync(UNMOUNT, ['-l', netns]);
    rmSync(netns);
  }
  // The kernel's part: interfaces went with the namespaces, and rules and routes of the node with all else.
  await until(stand.cables.bind(stand), cables => cables.length === 0, 'no interface is left');
  stand.node.run('nft', 'flush', 'ruleset');
  for (const family of ['-4', '-6']) stand.node.run('ip', family, 'route', 'flush', 'table', 'main');
  await Promise.all([containerd.start(), stand.startAgent()]);
  const after = await start('boot-3');
  expect(after.ips.filter(ip => promised.includes(ip))).toEqual([]);
  const known = await containerd.cri.list();
  expect(known).toEqual(expect.arrayContaining(before.map(({ id }) => id)));
  for (const pod of [...before, after]) await end(pod);
  await nothingOf(...before, after);
});

test('pods that come and go side by side leave nothing', async () => {
  const all: Started[] = [];
  for (let i = 0; i < PODS; i += AT_ONCE) {
    const count = Math.min(AT_ONCE, PODS - i);
    const started = await Promise.all(Array.from({ length: count }, (_, j) => start(`churn-${i + j}`)));
    all.push(...started);
    // Every other one stays until the end.
    await Promise.all(started.filter((_, j) => j % 2 === 1).map(end));
  }
  const staying = all.filter((_, i) => i % 2 === 0);
  expect(stand.cables()).toHaveLength(staying.length);
  expect(new Set(staying.flatMap(({ ips }) => ips)).size).toBe(staying.length * 2);
  for (let i = 0; i < staying.length; i += AT_ONCE) await Promise.all(staying.slice(i, i + AT_ONCE).map(end));
  await nothingOf(...all);
}, 600_000);

test.each(LONG ? [100] : [4])(
  '%i sandboxes amid whose start containerd and the agent are killed come up at the next try, and leave nothing',
  async count => {
    const pods = await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const name = `felled-${i}`;
        const made = await stand.create({
          ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name, labels: { app: name } } },
          spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }] },
        });
        return { name, uid: made.metadata.uid as string };
      }),
    );
    const up = new Set<string>();
    const run = (attempt: number, then: () => Promise<void>) =>
      Promise.all(
        Array.from({ length: AT_ONCE }, async (_, lane) => {
          for (const pod of pods.filter((each, i) => i % AT_ONCE === lane && !up.has(each.name))) {
            const id = await containerd.cri.run({ ...pod, attempt }).catch(() => undefined);
            if (id !== undefined) up.add(pod.name);
            await then();
          }
        }),
      );
    let felled: Promise<unknown> | undefined;
    await run(0, async () => {
      if (up.size < count / 2) return;
      // Each lane has one under way.
      felled ??= Promise.all([containerd.down('SIGKILL'), stand.kill('agent')]);
      await felled;
    });
    expect(felled).toBeDefined();
    await containerd.start();
    await stand.startAgent();
    const restarts = (async () => {
      for (let i = 0; i < RESTARTS; i++) {
        await stand.kill('agent');
        await stand.startAgent();
      }
    })();
    // The kubelet tries again, too.
    for (let attempt = 1; up.size < count && attempt < 50; attempt++) await run(attempt, async () => {});
    await restarts;
    expect(up.size).toBe(count);
    const sandboxes = await containerd.cri.list();
    expect(sandboxes.length).toBeGreaterThanOrEqual(count);
    for (let i = 0; i < sandboxes.length; i += AT_ONCE)
      await Promise.all(
        sandboxes.slice(i, i + AT_ONCE).map(async id => {
          await containerd.cri.stop(id);
          await containerd.cri.remove(id);
        }),
      );
    await nothingOf();
    await until(
      () => stand.held(),
      held => ![...held.keys()].some(handle => handle.startsWith('k8s-pod-network.')),
      'no address of a pod is held',
      20_000,
    );
  },
  600_000,
);

describe.each(['compiled', 'script'])('the executable, %s, is asked by a stranger', kind => {
  const bin = () => `${stand.folder}/${kind}`;
  beforeAll(() => {
    const where = ['--bin-dir', bin(), '--socket', `${stand.folder}/cni.sock`];
    const kept = ['--queue', `${stand.folder}/state/cni-queue`, '--cache', `${stand.folder}/cache`];
    const shim = ['--shim', kind === 'script' ? 'script' : 'auto'];
    execFileSync(process.execPath, [...FLAGS, INSTALL, ...where, ...kept, ...shim]);
  });

  /** Exit code and both outputs. */
  function ask(command: string, env: CniRow['env'], input: string) {
    const whole = {
      ...{
        CNI_COMMAND: command,
        CNI_CONTAINERID: 'stranger-1',
        CNI_IFNAME: 'eth0',
        CNI_PATH: '/opt/cni/bin',
      },
      ...{ CNI_NETNS: spare.space.path, CNI_ARGS: `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${spare.name}` },
      ...env,
    };
    const set = Object.entries(whole).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const child = spawn(`${bin()}/muslin`, [], { env: Object.fromEntries(set) });
    const text = { out: '', err: '' };
    child.stdout.on('data', chunk => (text.out += chunk));
    child.stderr.on('data', chunk => (text.err += chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    return new Promise<{ code: number | null; out: string; err: string }>(resolve =>
      child.on('close', code => resolve({ code, ...text })),
    );
  }
  // Node takes thirty times as long to start: what both do alike is asked of it here and there.
  const whole = LONG || kind === 'compiled';
  const table = CNI_TABLE.filter((_, i) => whole || i % 24 === 0);
  const CONF = { cniVersion: '1.1.0', name: 'k8s-pod-network', type: 'muslin' };
  let spare: StandPod;
  beforeAll(async () => {
    spare = await stand.pod(`spare-${kind}`);
  });

  test('and answers each request of the table with its code, and nothing stays', async () => {
    const pipe = `${stand.folder}/pipe-${kind}`;
    execFileSync(MAKE_PIPE, [pipe]);
    const judge = async ({ says, command, env, config, input, message = '' }: CniRow) => {
      const places: Readonly<Record<string, string>> = { OWN: stand.node.path, PIPE: pipe };
      const place = places[env?.['CNI_NETNS'] ?? ''];
      const own = place === undefined ? {} : { CNI_NETNS: place };
      const said = await ask(command, { ...env, ...own }, input ?? JSON.stringify({ ...CONF, ...config }));
      const answer = said.out === '' ? undefined : JSON.parse(said.out);
      const seen = { says, exit: said.code, err: said.err, code: answer?.code ?? 0 };
      const form =
        answer === undefined || (/^\d+\.\d+/.test(answer.cniVersion) && typeof answer.details === 'string');
      return { ...seen, form, message: String(answer?.msg ?? '').includes(message) ? message : answer?.msg };
    };
    const seen: unknown[] = [];
    for (let i = 0; i < table.length; i += 16)
      seen.push(...(await Promise.all(table.slice(i, i + 16).map(judge))));
    expect(seen).toEqual(
      table.map(({ says, code, message = '' }) => ({
        ...{ says, exit: code === 0 ? 0 : 1, err: '', code, form: true, message },
      })),
    );
    expect([stand.cables(), stand.routes()]).toEqual([[], []]);
  });

  test.each(whole ? CNI_VERSIONS : (['1.1.0'] as const))(
    'and keeps to version %s from ADD to the second DEL',
    async cniVersion => {
      const conf = (more: object = {}) =>
        JSON.stringify({ ...CONF, cniVersion, dns: { nameservers: ['10.96.0.10'] }, ...more });
      const added = await ask('ADD', {}, conf());
      expect(added).toMatchObject({ code: 0, err: '' });
      const result = JSON.parse(added.out);
      expect(result).toMatchObject({ cniVersion, dns: { nameservers: ['10.96.0.10'] } });
      const since = (version: string) => compareVersions(cniVersion, version) >= 0;
      if (since('0.3.0')) {
        const [outer, inner] = result.interfaces;
        expect([outer.sandbox, inner.name, inner.sandbox]).toEqual(['', 'eth0', spare.space.path]);
        expect('mtu' in inner).toBe(since('1.1.0'));
        for (const ip of result.ips) {
          expect(ip.interface).toBe(1);
          expect('version' in ip).toBe(!since('1.0.0'));
        }
      } else
        expect([result.ip4.ip, result.ip6.ip]).toEqual([
          expect.stringMatching(/\/32$/),
          expect.stringMatching(/\/128$/),
        ]);
      expect(JSON.parse((await ask('ADD', {}, conf())).out)).toMatchObject({ code: 4 });
      if (since('0.4.0')) {
        const check = async (prevResult: unknown) => (await ask('CHECK', {}, conf({ prevResult }))).out;
        const [outer, inner] = result.interfaces;
        expect([await check(undefined), await check(result)]).toEqual(['', '']);
        const changed = [
          { ...result, ips: result.ips.slice(1) },
          { ...result, ips: [...result.ips, { ...result.ips[0], address: '10.77.0.99/32' }] },
          { ...result, interfaces: [outer, { ...inner, mac: '02:00:00:00:00:99' }] },
          { ...result, interfaces: [outer, { ...inner, name: 'eth7' }] },
          { ...result, interfaces: [{ ...outer, name: 'veth1234' }, inner] },
        ];
        for (const prevResult of LONG || cniVersion === '1.1.0' ? changed : [])
          expect(JSON.parse((await check(prevResult)) || '{}')).toMatchObject({ code: 101 });
      }
      const twice = [
        await ask('DEL', {}, conf({ prevResult: result })),
        await ask('DEL', { CNI_NETNS: '' }, conf()),
      ];
      expect(twice).toEqual([
        { code: 0, out: '', err: '' },
        { code: 0, out: '', err: '' },
      ]);
      expect([stand.cables(), stand.routes()]).toEqual([[], []]);
    },
  );

  test('and collects what a list does not name, of its own network alone', async () => {
    expect(await ask('ADD', {}, JSON.stringify(CONF))).toMatchObject({ code: 0 });
    const gc = (more: object) => ask('GC', {}, JSON.stringify({ ...CONF, ...more }));
    const mine = [{ containerID: 'stranger-1', ifname: 'eth0' }];
    for (const kept of [{}, { 'cni.dev/valid-attachments': mine }, { 'cni.dev/attachments': mine }]) {
      expect(await gc(kept)).toEqual({ code: 0, out: '', err: '' });
      expect(await gc({ name: 'other', 'cni.dev/valid-attachments': [] })).toMatchObject({ code: 0 });
      expect(stand.cables()).toHaveLength(1);
    }
    expect(await gc({ 'cni.dev/valid-attachments': [] })).toEqual({ code: 0, out: '', err: '' });
    expect([stand.cables(), stand.routes()]).toEqual([[], []]);
  });
});
