import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { request } from 'node:http';
import { createServer, Socket } from 'node:net';
import { RESOURCES } from '@muslin/kube';
import { runCommand, tcpListenIn, tcpSocketIn, udpSocketIn } from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addForeignRules, foreignRules } from './foreign-rules.ts';
import { must, type Space, until } from './spaces.ts';
import { Stand } from './stand.ts';

const UDP = 9997;
const POLICY = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { namespace: 'shop', name: 'guard' },
  spec: {
    podSelector: { matchLabels: { app: 'db' } },
    ingress: [
      {
        from: [{ podSelector: { matchLabels: { app: 'web' } } }],
        ports: [{ port: 80 }, { protocol: 'UDP', port: UDP }],
      },
    ],
  },
};

/** The rule of the policy, and the end of the tier that denies the rest. */
const COUNTERS = ['guard ingress spec.ingress[0].from[0]', 'default ingress '];

let stand: Stand;
const ips: Record<string, readonly string[]> = {};
const spaces: Record<string, Space> = {};
const closers: (() => void)[] = [];

beforeAll(async () => {
  stand = await Stand.up('--iptables', 'auto');
  addForeignRules(stand.node);
  for (const name of ['web', 'db', 'evil']) {
    const pod = await stand.pod(name);
    spaces[name] = pod.space;
    ips[name] = await stand.add(pod);
  }
  await stand.create({
    apiVersion: 'projectcalico.org/v3',
    kind: 'FelixConfiguration',
    metadata: { name: 'default' },
    spec: {},
  });
  await stand.create(POLICY as never);
  await until(
    () => stand.status(),
    status => status.policies['knp/shop/guard'] !== undefined,
    'the policy is enforced',
  );
});
afterAll(async () => {
  for (const close of closers) close();
  await stand?.down();
});

async function datagrams(pod: string, family: 4 | 6, heard?: Set<string>, port = UDP): Promise<Datagrams> {
  const fd = must(udpSocketIn(spaces[pod]?.namespace, mustIp(family === 4 ? '0.0.0.0' : '::'), port));
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  socket.on('error', () => {});
  socket.on('message', message => heard?.add(`${message}`));
  await new Promise<void>(resolve => socket.bind({ fd }, resolve));
  closers.push(() => socket.close());
  return socket;
}

/** Bytes that come back on a connection, sent again as soon as they do. */
async function pingPong(): Promise<() => number> {
  const db = ips['db']?.[0] as string;
  const server = createServer(socket => socket.on('error', () => {}).pipe(socket));
  server.listen({ fd: must(tcpListenIn(spaces['db']?.namespace, mustIp(db), 80)) });
  const client = new Socket({ fd: must(tcpSocketIn(spaces['web']?.namespace, 4)) });
  let count = 0;
  client.on('data', () => {
    count++;
    setTimeout(() => client.writable && client.write('.'), 2);
  });
  client.on('error', () => {});
  client.connect(80, db, () => client.write('.'));
  closers.push(
    () => client.destroy(),
    () => server.close(),
  );
  await until(
    () => count,
    n => n > 3,
    'the connection works',
  );
  return () => count;
}

/** Which of the three back ends hold rules of ours. Asked without a stop, since a probe must go on meanwhile. */
async function holders(): Promise<readonly string[]> {
  const { namespace } = stand.node;
  const ask = async (program: string, ...args: readonly string[]): Promise<string> => {
    const done = await runCommand(program, args, { namespace });
    // The tool reads rules first and sets afterwards: a set may go in between.
    if (!done.ok && /Set with index \d+ in kernel doesn't exist/.test(done.fault.message))
      return ask(program, ...args);
    return must(done);
  };
  const [nft, legacy, tables] = await Promise.all([
    ask('iptables-nft-save'),
    ask('iptables-legacy-save'),
    ask('nft', 'list', 'tables'),
  ]);
  const found = { 'iptables-nft': nft, 'iptables-legacy': legacy };
  return [
    ...Object.entries(found)
      .filter(([, text]) => text.includes('-j msl-FORWARD'))
      .map(([name]) => name),
    ...(/^table ip muslin$/m.test(tables) ? ['nftables'] : []),
  ];
}

test('moving between back ends loses no allowed packet, lets no forbidden one through, and touches nobody else’s rules', async () => {
  const before = foreignRules(stand.node);
  expect(before.join('\n')).toContain('service-2QRHZV4L');
  const heard = new Set<string>();
  const connection = await pingPong();
  const senders = { web: [] as Datagrams[], evil: [] as Datagrams[] };
  for (const family of [4, 6] as const) {
    await datagrams('db', family, heard);
    for (const name of ['web', 'evil'] as const) senders[name].push(await datagrams(name, family));
  }
  let sent = 0;
  // Nobody answers, so each is the first of its flow to connection tracking: the rules are asked about every one.
  const timer = setInterval(() => {
    sent++;
    for (const name of ['web', 'evil'] as const)
      senders[name].forEach((socket, i) => {
        socket.send(`${name} ${i} ${sent}`, UDP, ips['db']?.[i]);
      });
  }, 2);
  closers.push(() => clearInterval(timer));

  expect(await holders()).toEqual(['iptables-nft']);
  const moves = [
    [{ nftablesMode: 'Enabled' }, 'nftables'],
    [{ nftablesMode: 'Disabled', iptablesBackend: 'Legacy' }, 'iptables-legacy'],
    [{ nftablesMode: 'Enabled' }, 'nftables'],
    [{ nftablesMode: 'Disabled', iptablesBackend: 'NFT' }, 'iptables-nft'],
    [{ nftablesMode: 'Disabled', iptablesBackend: 'Legacy' }, 'iptables-legacy'],
    [{ nftablesMode: 'Enabled' }, 'nftables'],
  ] as const;
  const wish = async (spec: object) => {
    const patch = { type: 'merge', body: { spec } } as const;
    must(await stand.client.patch(RESOURCES.FelixConfiguration, { name: 'default' }, patch));
  };
  for (const [spec, backEnd] of moves) {
    const pings = connection();
    await wish(spec);
    await until(holders, found => found.join() === backEnd, `rules are in ${backEnd} alone`);
    expect((await stand.status()).dataplane.backEnd).toBe(backEnd);
    await until(connection, count => count > pings + 20, 'the connection goes on');
  }
  // And killed in the middle of a move, at whatever step that is.
  for (const [spec, backEnd, delay] of [
    [...moves[1], 5],
    [...moves[3], 35],
    [...moves[5], 65],
  ] as const) {
    const pings = connection();
    await wish(spec);
    await new Promise(resolve => setTimeout(resolve, delay));
    await stand.kill('agent');
    await until(connection, count => count > pings + 20, 'the connection goes on without an agent');
    await stand.startAgent();
    await until(holders, found => found.join() === backEnd, `rules are in ${backEnd} alone, after a kill`);
  }
  clearInterval(timer);
  const expected = (name: string) =>
    [0, 1].flatMap(i => Array.from({ length: sent }, (_, n) => `${name} ${i} ${n + 1}`));
  const missing = () => expected('web').filter(text => !heard.has(text));
  await until(missing, list => list.length === 0, 'every allowed datagram arrives', 1_000);
  expect(sent).toBeGreaterThan(300);
  expect(expected('evil').filter(text => heard.has(text))).toEqual([]);
  expect(foreignRules(stand.node)).toEqual(before);
  expect(stand.node.run('ipset', 'list', '-n').trim()).toBe('admin');
});

/** The stand's agent looks by itself only once a minute. */
test.each([
  [{ nftablesMode: 'Enabled' }, 'nftables', 'nft delete table ip muslin'],
  [{ nftablesMode: 'Enabled' }, 'nftables', 'nft flush chain ip muslin msl-FORWARD'],
  [{ nftablesMode: 'Enabled' }, 'nftables', 'nft flush map ip muslin msl-to-pods'],
  [{ nftablesMode: 'Disabled', iptablesBackend: 'NFT' }, 'iptables-nft', 'iptables-nft -D FORWARD 1'],
  [
    { nftablesMode: 'Disabled', iptablesBackend: 'NFT' },
    'iptables-nft',
    'iptables-nft -t raw -F msl-PREROUTING',
  ],
] as const)(
  'with %j what somebody does to rules in %s is undone at once: %s',
  async (spec, backEnd, damage) => {
    const patch = { type: 'merge', body: { spec } } as const;
    must(await stand.client.patch(RESOURCES.FelixConfiguration, { name: 'default' }, patch));
    await until(holders, found => found.join() === backEnd, `rules are in ${backEnd} alone`);
    const list = backEnd === 'nftables' ? 'nft -s list table ip muslin || true' : 'iptables-nft-save';
    const rules = () =>
      stand.node
        .run('sh', '-c', list)
        .replaceAll(/^#.*$|\[\d+:\d+\]/gm, '')
        .replaceAll(/elements = \{([^}]*)\}/g, sorted);
    const before = rules();
    stand.node.run('sh', '-c', damage);
    await until(rules, text => text === before, 'the rules are as before', 20_000);
  },
);

const sorted = (_: string, list: string) =>
  list
    .split(',')
    .map(text => text.trim())
    .sort()
    .join();

/** Packets that a node counted for the rules of the policy, by rule; undefined while the agent does not answer. */
function counted(): Promise<ReadonlyMap<string, number> | undefined> {
  return new Promise(resolve => {
    const path = '/v1/policy-counters';
    const asked = request({ socketPath: `${stand.folder}/agent.sock`, path, agent: false }, answer => {
      let text = '';
      answer.on('data', chunk => (text += chunk));
      answer.on('error', () => resolve(undefined));
      answer.on('end', () => {
        const rows = JSON.parse(text) as { name: string; rule: string; direction: string; packets: number }[];
        resolve(new Map(rows.map(row => [`${row.name} ${row.direction} ${row.rule}`, row.packets])));
      });
    });
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}

test.each([
  [{ nftablesMode: 'Enabled' }, 'nftables'],
  [{ nftablesMode: 'Disabled', iptablesBackend: 'NFT' }, 'iptables-nft'],
  [{ nftablesMode: 'Disabled', iptablesBackend: 'Legacy' }, 'iptables-legacy'],
] as const)(
  'with %j the counters of each rule say how many packets met it, whatever is written anew meanwhile, in %s',
  async (spec, backEnd) => {
    const patch = (resource: Parameters<typeof stand.client.patch>[0], ref: object, body: object) =>
      stand.client.patch(resource, ref as never, { type: 'merge', body } as never);
    must(await patch(RESOURCES.FelixConfiguration, { name: 'default' }, { spec }));
    await until(holders, found => found.join() === backEnd, `rules are in ${backEnd} alone`);
    const db = ips['db']?.[0] as string;
    const [web, evil] = [await datagrams('web', 4, undefined, 0), await datagrams('evil', 4, undefined, 0)];
    let [allowed, denied] = [0, 0];
    const send = async (socket: Datagrams, count: number) => {
      for (let i = 0; i < count; i++) await new Promise(done => socket.send('.', UDP, db, done));
    };
    const both = async (some: number, others: number) => {
      await Promise.all([send(web, some), send(evil, others)]);
      allowed += some;
      denied += others;
    };
    const before = (await counted()) ?? new Map<string, number>();
    const more = async () => {
      const now = await counted();
      return COUNTERS.map(name => (now?.get(name) ?? 0) - (before.get(name) ?? 0)).join();
    };
    await both(40, 7);
    await until(more, found => found === `${allowed},${denied}`, 'every packet is counted');
    // The policy changes; then another allows the same after it, and the rules of both become members of one set.
    const target = { namespace: 'shop', name: 'guard' };
    const [rule] = POLICY.spec.ingress;
    const version = async (name: string) =>
      (await stand.status())?.policies[`knp/shop/${name}`]?.resourceVersion;
    const enforced = (name: string, wanted: string | undefined) =>
      until(
        () => version(name),
        found => found === wanted,
        `${name} is enforced`,
      );
    for (const extra of [8080, 8081]) {
      const ports = [...(rule?.ports ?? []), { port: extra }];
      const changed = must(
        await patch(RESOURCES.NetworkPolicy, target, { spec: { ingress: [{ ...rule, ports }] } }),
      );
      await enforced('guard', changed.metadata?.resourceVersion);
      await both(20, 3);
    }
    const later = await stand.create({
      ...POLICY,
      metadata: { namespace: 'shop', name: 'later' },
    } as never);
    await enforced('later', later.metadata.resourceVersion);
    await both(20, 3);
    must(await stand.client.delete(RESOURCES.NetworkPolicy, { namespace: 'shop', name: 'later' }));
    await enforced('later', undefined);
    await both(20, 3);
    await until(more, found => found === `${allowed},${denied}`, 'every packet is counted over the changes');
  },
);
