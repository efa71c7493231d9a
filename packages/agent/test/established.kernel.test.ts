import { createSocket } from 'node:dgram';
import { createServer, type Server, Socket } from 'node:net';
import { RESOURCES } from '@muslin/kube';
import { tcpListenIn, tcpSocketIn, udpSocketIn } from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { egressDeny, policyObject } from './cluster-facts.ts';
import { must, type Space, until } from './spaces.ts';
import { Stand, type StandPod } from './stand.ts';

const BEAT_MS = 20;
/** Long enough for retransmissions of what the kernel may have dropped by accident. */
const SILENCE_MS = 600;

let stand: Stand;
const pods: Record<string, StandPod & { readonly ips: readonly string[] }> = {};
beforeAll(async () => {
  stand = await Stand.up();
  for (const name of ['web', 'db', 'evil']) {
    const pod = await stand.pod(name);
    pods[name] = { ...pod, ips: await stand.add(pod) };
  }
});
afterAll(async () => {
  await stand?.down();
});

/** A connection on which both ends talk all the time, as long as they are heard. */
class Talk {
  readonly #server: Server;
  readonly #client: Socket;
  readonly #timers: NodeJS.Timeout[] = [];
  /** Bytes that arrived at the server and at the client. */
  readonly heard = { server: 0, client: 0 };

  constructor(from: Space, to: Space, ip: string, port: number, who: 'client' | 'server' | 'both') {
    const speak = (socket: Socket) => {
      this.#timers.push(setInterval(() => socket.writable && socket.write('.'), BEAT_MS));
    };
    this.#server = createServer(socket => {
      socket.on('error', () => {});
      socket.on('data', chunk => (this.heard.server += chunk.length));
      if (who !== 'client') speak(socket);
      this.#sockets.push(socket);
    });
    this.#server.listen({ fd: must(tcpListenIn(to.namespace, mustIp(ip), port)) });
    this.#client = new Socket({ fd: must(tcpSocketIn(from.namespace, ip.includes(':') ? 6 : 4)) });
    this.#client.on('error', () => {});
    this.#client.on('data', chunk => (this.heard.client += chunk.length));
    this.#client.on('connect', () => who !== 'server' && speak(this.#client));
    this.#client.connect(port, ip);
    talks.push(this);
  }

  readonly #sockets: Socket[] = [];

  /** Resolves when something was heard on it. */
  async alive(): Promise<this> {
    await until(
      () => this.heard.server + this.heard.client,
      bytes => bytes > 3,
      'the two ends hear each other',
    );
    return this;
  }

  /** What arrives within a while. */
  async listen(ms = SILENCE_MS): Promise<number> {
    const before = this.heard.server + this.heard.client;
    await new Promise(resolve => setTimeout(resolve, ms));
    return this.heard.server + this.heard.client - before;
  }

  /** Resolves once nothing arrives for a while: what was on its way when it was cut may still be read. */
  async silent(): Promise<void> {
    await until(
      () => this.listen(),
      heard => heard === 0,
      'the connection is silent',
    );
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#client.destroy();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

const talks: Talk[] = [];
/** Every connection has its own; 80 is the one that `policyObject` opens. */
let port = 81;
afterEach(async () => {
  for (const talk of talks.splice(0)) talk.close();
  must(await stand.client.raw({ method: 'DELETE', path: POLICIES }));
  await settled();
});

const POLICIES = '/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies';
const talk = (from: string, to: string, family: 4 | 6, who: 'client' | 'server' | 'both', at = port++) => {
  const [source, target] = [pods[from], pods[to]];
  if (source === undefined || target === undefined) throw new Error('no such pod');
  return new Talk(source.space, target.space, target.ips[family === 4 ? 0 : 1] as string, at, who).alive();
};
/** Waits until what the API server has is enforced and older connections were looked at. */
async function settled(): Promise<void> {
  const policies = must(await stand.client.listAll(RESOURCES.NetworkPolicy));
  await until(
    () => stand.status(),
    status =>
      Object.keys(status.policies).length === policies.items.length &&
      policies.items.every(
        p => status.policies[`knp/shop/${p.metadata.name}`]?.resourceVersion === p.metadata.resourceVersion,
      ),
    'the policies are enforced',
  );
  await new Promise(resolve => setTimeout(resolve, 100));
}
const apply = async (...policies: readonly object[]) => {
  for (const policy of policies) await stand.create(policy as never);
  await settled();
};

test.each([
  [4, 'client'],
  [4, 'server'],
  [4, 'both'],
  [6, 'server'],
] as const)(
  'a connection over IPv%i that a new policy denies stops, whoever talks: %s',
  async (family, who) => {
    const denied = await talk('evil', 'db', family, who);
    const elsewhere = await talk('db', 'evil', family, who);
    await apply(policyObject('guard', 'db', 'web'));
    await denied.silent();
    expect(await elsewhere.listen(200)).toBeGreaterThan(3);
  },
);

test('an allowed connection loses nothing while its neighbours are cut', async () => {
  const allowed = await talk('web', 'db', 4, 'both', 80);
  const denied = await talk('evil', 'db', 4, 'both');
  await apply(policyObject('guard', 'db', 'web'));
  await denied.silent();
  expect(await allowed.listen(200)).toBeGreaterThan(6);
  expect(stand.node.run('sysctl', '-n', 'net.netfilter.nf_conntrack_tcp_loose').trim()).toBe('0');
  const { lastCut } = await stand.status();
  expect(lastCut.cut).toBeGreaterThan(0);
});

test('a policy of the sender cuts what it began, not what others began with it', async () => {
  const [out, into] = [await talk('evil', 'db', 4, 'both'), await talk('web', 'evil', 4, 'both')];
  await apply(egressDeny('quiet', 'evil'));
  await out.silent();
  expect(await into.listen(200)).toBeGreaterThan(6);
});

test('a connection that was cut stays dead when policy allows again; a new one lives', async () => {
  const denied = await talk('evil', 'db', 4, 'client');
  await apply(policyObject('guard', 'db', 'web'));
  await denied.silent();
  must(await stand.client.raw({ method: 'DELETE', path: POLICIES }));
  await settled();
  await denied.silent();
  await talk('evil', 'db', 4, 'client');
});

test('the flows of a pod that is deleted are forgotten before its address can be another’s', async () => {
  const brief = await stand.pod('brief');
  const ips = await stand.add(brief);
  pods['brief'] = { ...brief, ips };
  await talk('brief', 'db', 4, 'both');
  const flows = () => stand.node.run('conntrack', '-L', '-s', ips[0] as string);
  expect(flows()).toContain('ESTABLISHED');
  const holds = async () =>
    [...(await stand.held()).keys()].some(handle => handle.includes(brief.containerId));
  await until(holds, held => held, 'the address is known to be taken');
  expect((await stand.cni('DEL', brief)).code).toBe(0);
  await until(holds, held => !held, 'the address is free');
  expect(flows()).not.toContain('ESTABLISHED');
});

/** Datagrams from one pod to another, each way of asking the same flow; how many arrived so far. */
async function datagrams(
  from: string,
  to: string,
  family: 4 | 6,
  { at = port++, answers = false } = {},
): Promise<() => number> {
  const [source, target] = [pods[from], pods[to]];
  if (source === undefined || target === undefined) throw new Error('no such pod');
  const open = async (space: Space) => {
    const fd = must(udpSocketIn(space.namespace, mustIp(family === 4 ? '0.0.0.0' : '::'), at));
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
    socket.on('error', () => {});
    await new Promise<void>(resolve => socket.bind({ fd }, resolve));
    return socket;
  };
  const [client, server] = [await open(source.space), await open(target.space)];
  let heard = 0;
  server.on('message', (_, sender) => {
    heard++;
    if (answers) server.send('.', sender.port, sender.address);
  });
  const timer = setInterval(() => client.send('.', at, target.ips[family === 4 ? 0 : 1]), BEAT_MS);
  closers.push(() => {
    clearInterval(timer);
    client.close();
    server.close();
  });
  await until(
    () => heard,
    count => count > 3,
    'datagrams arrive',
  );
  return () => heard;
}
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

describe.each(['iptables', 'nftables'] as const)('with rules in %s', dataplane => {
  beforeAll(async () => {
    await stand.kill('agent');
    await stand.startAgent('--dataplane', dataplane);
  });

  test('flows of TCP and UDP that a new policy denies stop, in both families; allowed ones go on', async () => {
    const allowed = await talk('web', 'db', 4, 'both', 80);
    const tcp = await Promise.all([talk('evil', 'db', 4, 'client'), talk('evil', 'db', 6, 'client')]);
    const udp = await Promise.all([datagrams('evil', 'db', 4), datagrams('evil', 'db', 6)]);
    const elsewhere = await datagrams('db', 'evil', 4);
    await apply(policyObject('guard', 'db', 'web'));
    // What was on its way when the policy came.
    await new Promise(resolve => setTimeout(resolve, 200));
    const before = [...udp, elsewhere].map(heard => heard());
    await Promise.all(tcp.map(one => one.silent()));
    const after = [...udp, elsewhere].map(heard => heard());
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(after[2]).toBeGreaterThan((before[2] as number) + 3);
    expect(await allowed.listen(200)).toBeGreaterThan(3);
    expect((await stand.status()).dataplane.backEnd).toContain(dataplane);
  });
});

/** Waits until nothing arrives any more. */
const dried = (heard: () => number, what: string) =>
  until(
    async () => {
      const before = heard();
      await new Promise(resolve => setTimeout(resolve, 200));
      return heard() - before;
    },
    more => more === 0,
    what,
  );

test('VXLAN of a pod stops when the permission for it goes, without any policy, and when its port moves', async () => {
  const name = 'default';
  const felix = { apiVersion: 'projectcalico.org/v3', kind: 'FelixConfiguration', metadata: { name } };
  await stand.create({ ...felix, spec: { allowVXLANPacketsFromWorkloads: true } });
  const say = async (spec: object) =>
    must(await stand.client.patch(RESOURCES.FelixConfiguration, { name }, { type: 'merge', body: { spec } }));
  const wrapped = await datagrams('evil', 'db', 4, { at: 4789, answers: true });
  const plain = await datagrams('evil', 'db', 4, { at: 4790 });
  await say({ allowVXLANPacketsFromWorkloads: false });
  await dried(wrapped, 'nothing that is wrapped arrives any more');
  const before = plain();
  await until(plain, count => count > before + 3, 'the pod’s other datagrams arrive');
  await say({ vxlanPort: 4790 });
  await dried(plain, 'nothing arrives at the other port either');
  must(await stand.client.delete(RESOURCES.FelixConfiguration, { name }));
});

describe('a kill of the agent', () => {
  test('at any instant cuts no allowed connection, opens no forbidden one, and all converges after its return', async () => {
    await apply(policyObject('guard', 'db', 'web'));
    const allowed = await talk('web', 'db', 4, 'both', 80);
    const db = pods['db'] as { space: Space; ips: readonly string[] };
    let leaks = 0;
    const tryForbidden = () => {
      const socket = new Socket({ fd: must(tcpSocketIn((pods['evil'] as StandPod).space.namespace, 4)) });
      socket.on('connect', () => leaks++);
      socket.on('error', () => {});
      socket.connect(80, db.ips[0] as string);
      setTimeout(() => socket.destroy(), 300);
    };
    const probe = setInterval(tryForbidden, 25);
    for (const delay of [0, 30, 90, 200]) {
      // Something to do for it, so that it dies at work.
      const work = stand.create(policyObject(`more-${delay}`, 'web', 'db') as never);
      await new Promise(resolve => setTimeout(resolve, delay));
      await stand.kill('agent');
      await work;
      expect(await allowed.listen(100)).toBeGreaterThan(3);
      stand.launchAgent();
    }
    await until(
      () => stand.status(),
      status => status?.ready === true,
      'the agent is back',
    );
    await settled();
    clearInterval(probe);
    expect(await allowed.listen(100)).toBeGreaterThan(3);
    expect(leaks).toBe(0);
    expect(stand.node.run('iptables-save')).toContain('more-200');
  });

  test('lets a policy that changed meanwhile reach connections that began before', async () => {
    const denied = await talk('evil', 'db', 4, 'both');
    await stand.kill('agent');
    await stand.create(policyObject('guard', 'db', 'web') as never);
    expect(await denied.listen(200)).toBeGreaterThan(6);
    await stand.startAgent();
    await settled();
    await denied.silent();
  });

  test('and a start with --established keep leaves connections alone, and makes the node a router again', async () => {
    await stand.kill('agent');
    // As a node is before anybody made it a router, with an interface that hears routers.
    const router = [
      'net.ipv4.ip_forward',
      'net.ipv6.conf.all.forwarding',
      'net.ipv4.fib_multipath_hash_policy',
    ];
    for (const key of router) stand.node.run('sysctl', '-qw', `${key}=0`);
    stand.node.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1');
    const hears = ['up0', 'up1'].map(name => `net.ipv6.conf.${name}.accept_ra`);
    stand.node.run('sysctl', '-qw', `${hears[0]}=1`, `${hears[1]}=0`);
    await stand.startAgent('--established', 'keep');
    const settings = () =>
      stand.node
        .run('sysctl', '-n', ...router, ...hears)
        .trim()
        .split('\n');
    await until(settings, now => now.join() === '1,1,1,2,0', 'the node is a router that still hears others');
    const kept = await talk('evil', 'db', 4, 'both');
    await apply(policyObject('guard', 'db', 'web'));
    expect(await kept.listen(300)).toBeGreaterThan(6);
    expect((await stand.status()).established).toBe('keep');
  });
});
