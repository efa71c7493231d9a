import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createServer, Socket } from 'node:net';
import { type AnyObject, RESOURCES } from '@muslin/kube';
import { type Namespace, tcpListenIn, tcpSocketIn } from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { makeSpace, must, until } from './spaces.ts';
import { Stand, type StandPod } from './stand.ts';
import { hear, listenTo, serveWord } from './talk.ts';

const NODE_4 = '192.0.2.1';
const NODE_6 = '2001:db8::1';

describe.each(['nftables', 'iptables'])('what a caller asks for one interface, in %s', backEnd => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.up('--dataplane', backEnd);
    for (const ip of [NODE_4, NODE_6, '192.0.2.2']) {
      const length = ip.includes(':') ? 128 : 32;
      stand.node.run(
        'ip',
        'addr',
        'add',
        `${ip}/${length}`,
        'dev',
        'lo',
        ...(length === 128 ? ['nodad'] : []),
      );
    }
    await stand.create({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { namespace: 'shop', name: 'guard' },
      spec: { podSelector: { matchLabels: { guarded: 'yes' } }, ingress: [] },
    });
  });
  afterAll(async () => {
    await stand?.down();
  });

  let refused = 0;
  const add = async (pod: StandPod, config: object = {}, env: Readonly<Record<string, string>> = {}) => {
    const answer = await stand.cni('ADD', pod, env, config);
    const result = JSON.parse(answer.out);
    if (answer.code !== 0) throw new Error(`${result.code} ${result.msg}`);
    return { result, ips: result.ips.map((ip: { address: string }) => ip.address.split('/')[0]) as string[] };
  };
  const del = async (pod: StandPod, env: Readonly<Record<string, string>> = {}) =>
    expect(await stand.cni('DEL', pod, env)).toMatchObject({ code: 0, out: '' });
  const natText = () =>
    backEnd === 'nftables'
      ? stand.node.run('nft', 'list', 'ruleset')
      : stand.node.run('iptables-save') + stand.node.run('ip6tables-save');
  /** Leads the port to another address, behind what is there; gives what takes that away again. */
  const translateElsewhere = (ip: string): (() => void) => {
    const { node } = stand;
    if (backEnd === 'nftables') {
      const rule = `fib daddr type local tcp dport 8080 dnat to ${ip}:80`;
      const chain = (hook: string) => `chain ${hook} { type nat hook ${hook} priority -100; ${rule}; }\n`;
      node.run('nft', `table ip kube-proxy { ${chain('prerouting')} ${chain('output')} }`);
      return () => void node.run('nft', 'delete', 'table', 'ip', 'kube-proxy');
    }
    const rule = (hook: string) =>
      `${hook} -p tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination ${ip}:80`.split(' ');
    for (const hook of ['PREROUTING', 'OUTPUT']) node.run('iptables', '-t', 'nat', '-A', ...rule(hook));
    return () => {
      for (const hook of ['PREROUTING', 'OUTPUT']) node.run('iptables', '-t', 'nat', '-D', ...rule(hook));
    };
  };
  const nothingLeft = async () => {
    expect([stand.cables(), stand.routes()]).toEqual([[], []]);
    const boxes = async () => [...(await stand.held()).keys()].filter(handle => handle.includes('box'));
    await until(boxes, held => held.length === 0, 'no address is held', 20_000);
    // Rules go before addresses.
    expect(natText()).not.toContain('hostPort');
  };

  test('a hostPort leads to the pod from outside, the node, 127.0.0.1 and the pod itself, and goes with the pod, whoever else claims it', async () => {
    const server = await stand.pod('server');
    const client = await stand.pod('client');
    const ports = [
      { hostPort: 8080, containerPort: 80, protocol: 'TCP' },
      { hostPort: 8081, containerPort: 80, hostIP: '192.0.2.2' },
    ];
    const { ips } = await add(server, { runtimeConfig: { portMappings: ports } });
    const [four = '', six = ''] = ips;
    const [mine = ''] = (await add(client)).ips;
    const ends = [
      await serveWord(server.space.namespace, four, 80, 'hello'),
      await serveWord(server.space.namespace, six, 80, 'hello'),
    ];
    const look = async () => {
      expect(await listenTo(client.space.namespace, NODE_4, 8080)).toBe(`hello ${mine}`);
      expect(await listenTo(client.space.namespace, NODE_6, 8080)).toMatch(/^hello /);
      expect(await listenTo(stand.node.namespace, NODE_4, 8080)).toBe(`hello ${NODE_4}`);
      expect(await listenTo(stand.node.namespace, '127.0.0.1', 8080)).toMatch(/^hello /);
      expect(await listenTo(server.space.namespace, NODE_4, 8080)).toMatch(/^hello /);
      // Another address of the node, and a port of one address alone.
      expect(await listenTo(client.space.namespace, '192.0.2.2', 8081)).toBe(`hello ${mine}`);
      expect(await hear(client.space.namespace, NODE_4, 8081)).toBeUndefined();
    };
    await look();
    await stand.kill('agent');
    await stand.startAgent('--dataplane', backEnd);
    await look();
    // As kube-proxy would for a Service whose nodePort is the same; nobody answers there.
    const foreign = translateElsewhere(mine);
    await look();
    foreign();
    for (const end of ends) await end();
    await del(server);
    expect(await hear(client.space.namespace, NODE_4, 8080)).toBeUndefined();
    await del(client);
    await nothingLeft();
  });

  test('a hostPort lets nobody past the pod’s policy', async () => {
    const [server, client] = [await stand.pod('closed', { guarded: 'yes' }), await stand.pod('client-2')];
    const ports = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }];
    const [four = ''] = (await add(server, { runtimeConfig: { portMappings: ports } })).ips;
    await add(client);
    const end = await serveWord(server.space.namespace, four, 80, 'secret');
    expect(await hear(client.space.namespace, NODE_4, 8080)).toBeUndefined();
    await end();
    await del(server);
    await del(client);
    await nothingLeft();
  });

  test('natOutgoing gives senders the address and the ports that a FelixConfiguration names', async () => {
    const outside = makeSpace();
    stand.node.run(
      ...(['ip', 'link', 'add', 'out0', 'type', 'veth', 'peer', 'out0', 'netns', outside.name] as const),
    );
    for (const [space, host] of [
      [stand.node, 1],
      [outside, 2],
    ] as const) {
      space.run('ip', 'addr', 'add', `198.18.0.${host}/24`, 'dev', 'out0');
      space.run('ip', 'addr', 'add', `2001:db8:18::${host}/64`, 'dev', 'out0', 'nodad');
      space.run('ip', 'link', 'set', 'out0', 'up');
    }
    outside.run('ip', 'route', 'add', '203.0.113.7/32', 'via', '198.18.0.1');
    const ends = await Promise.all(
      ['198.18.0.2', '2001:db8:18::2'].map(ip =>
        serveWord(
          outside.namespace,
          ip,
          80,
          'from',
          ({ remoteAddress: who, remotePort: port = 0 }) =>
            `${who} ${port >= 20_000 && port <= 20_999 ? 'of those' : 'any'}`,
        ),
      ),
    );
    const pool = (body: object) =>
      Promise.all(
        ['four', 'six'].map(async name =>
          must(await stand.client.patch(RESOURCES.IPPool, { name }, { type: 'merge', body })),
        ),
      );
    await pool({ spec: { natOutgoing: true } });
    const pod = await stand.pod('traveller');
    await add(pod);
    const heard = (ip: string, word: string) =>
      until(
        () => listenTo(pod.space.namespace, ip, 80),
        said => said === word,
        `the outside hears ${word}`,
      );
    await until(
      () => listenTo(pod.space.namespace, '198.18.0.2', 80),
      said => said?.startsWith('from 198.18.0.1 ') ?? false,
      'the node’s address is seen',
    );
    await stand.create({
      ...{ apiVersion: 'projectcalico.org/v3', kind: 'FelixConfiguration', metadata: { name: 'node.n1' } },
      spec: { natOutgoingAddress: '203.0.113.7', natPortRange: '20000:20999' },
    });
    await heard('198.18.0.2', 'from 203.0.113.7 of those');
    await heard('2001:db8:18::2', 'from 2001:db8:18::1 of those');
    must(await stand.client.delete(RESOURCES.FelixConfiguration, { name: 'node.n1' }));
    await pool({ spec: { natOutgoing: false } });
    for (const end of ends) await end();
    await del(pod);
    stand.node.run('ip', 'link', 'del', 'out0');
    outside.close();
    await nothingLeft();
  });

  test('a floating address leads to one pod at a time, under its policy, and to the next when that is gone', async () => {
    const floats = ['198.51.100.7', '2001:db8:f::7'];
    for (const [name, cidr] of Object.entries({ float4: '198.51.100.0/28', float6: '2001:db8:f::/124' }))
      await stand.create({
        ...{ apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name } },
        spec: { cidr, blockSize: name === 'float4' ? 28 : 124, assignmentMode: 'Manual' },
      });
    await stand.create({
      ...{ apiVersion: 'projectcalico.org/v3', kind: 'FelixConfiguration', metadata: { name: 'default' } },
      spec: { floatingIPs: 'Enabled' },
    });
    const asking = (...ips: string[]) => ({ 'cni.projectcalico.org/floatingIPs': JSON.stringify(ips) });
    const face = await stand.pod('face', {}, asking(...floats, '203.0.113.9'));
    const rival = await stand.pod('rival', {}, asking(...floats));
    const hidden = await stand.pod('hidden', { guarded: 'yes' }, asking('198.51.100.8'));
    const client = await stand.pod('client-5');
    const pods = [face, rival, hidden, client];
    const ends: (() => Promise<void>)[] = [];
    const ips = new Map<StandPod, readonly string[]>();
    const floating = async (
      good: (told: {
        readonly held: Readonly<Record<string, string>>;
        readonly refused: Readonly<Record<string, string>>;
      }) => boolean,
      what: string,
    ) =>
      until(
        async () => (await stand.status())?.floating,
        told => told !== undefined && good(told),
        what,
      );
    for (const pod of pods) {
      ips.set(pod, (await add(pod)).ips);
      for (const ip of ips.get(pod) ?? []) ends.push(await serveWord(pod.space.namespace, ip, 80, pod.name));
      // The first that asks has it.
      if (pod === face)
        await floating(told => Object.keys(told.held).length === 2, 'both addresses are held');
    }
    const told = await floating(
      ({ held, refused }) => held['198.51.100.8'] !== undefined && Object.keys(refused).length === 3,
      'each address is held or refused',
    );
    expect(told.held).toMatchObject(Object.fromEntries(floats.map(ip => [ip, 'pod/shop/face'])));
    expect(told.refused).toMatchObject({
      'pod/shop/rival 198.51.100.7': expect.stringContaining('face'),
      'pod/shop/face 203.0.113.9': expect.stringContaining('IPPool'),
    });
    const events = async () =>
      must(await stand.client.listAll<AnyObject>(RESOURCES.Event)).items.filter(
        event => (event['involvedObject'] as { name?: string }).name === 'rival',
      );
    expect(await until(events, all => all.length >= 2, 'the refusals are told')).toMatchObject([
      { reason: 'FloatingIPRefused', type: 'Warning' },
      { reason: 'FloatingIPRefused' },
    ]);
    const look = async (name: string) => {
      for (const [i, ip] of floats.entries()) {
        // Each family has rules of its own, and either may be the later.
        const said = (from: Namespace, word: RegExp) =>
          until(
            () => listenTo(from, ip, 80),
            heard => word.test(heard ?? ''),
            `${ip} leads to ${name}`,
          );
        await said(client.space.namespace, new RegExp(`^${name} ${ips.get(client)?.[i]}$`));
        await said(stand.node.namespace, new RegExp(`^${name} `));
      }
    };
    await look('face');
    // By its own it meets itself, as the address that it asked for.
    for (const ip of floats) expect(await listenTo(face.space.namespace, ip, 80)).toBe(`face ${ip}`);
    expect(await hear(client.space.namespace, '198.51.100.8', 80)).toBeUndefined();
    expect(await listenTo(stand.node.namespace, '198.51.100.8', 80)).toMatch(/^hidden /);
    if (backEnd === 'nftables') {
      await stand.kill('agent');
      await stand.startAgent('--dataplane', backEnd);
      await look('face');
    }
    await del(face);
    await floating(({ held }) => held['198.51.100.7'] === 'pod/shop/rival', 'the next one has the address');
    await look('rival');
    // An annotation may change while the pod runs.
    must(
      await stand.client.patch(
        RESOURCES.Pod,
        { namespace: 'shop', name: 'rival' },
        { type: 'merge', body: { metadata: { annotations: { 'cni.projectcalico.org/floatingIPs': null } } } },
      ),
    );
    await floating(({ held }) => Object.keys(held).length === 1, 'they are given back');
    expect(natText()).not.toContain('floating 198.51.100.7');
    for (const end of ends) await end();
    for (const pod of [rival, hidden, client]) await del(pod);
    await floating(({ held }) => Object.keys(held).length === 0, 'nothing is held');
    expect(natText()).not.toContain('floating');
    expect([...(await stand.held()).keys()].filter(handle => handle.startsWith('floating'))).toEqual([]);
    await nothingLeft();
  });

  test('a MAC, an address and the right to forward are had as asked', async () => {
    const pod = await stand.pod('asked');
    const { result, ips } = await add(pod, {
      runtimeConfig: { mac: '02:00:00:00:0A:0b', ips: ['10.77.0.77/24'] },
      container_settings: { allow_ip_forwarding: true },
    });
    expect(result.interfaces[1].mac).toBe('02:00:00:00:0a:0b');
    expect(pod.space.ip('link', 'show', 'eth0')[0].address).toBe('02:00:00:00:0a:0b');
    expect(ips).toContain('10.77.0.77');
    expect(pod.space.run('cat', '/proc/sys/net/ipv4/ip_forward').trim()).toBe('1');
    expect(await stand.cni('CHECK', pod)).toMatchObject({ code: 0 });
    await del(pod);
    const other = await stand.pod('annotated');
    const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=annotated;K8S_POD_UID=${other.uid};MAC=02:00:00:00:00:0c`;
    expect((await add(other, {}, { CNI_ARGS: args })).result.interfaces[1].mac).toBe('02:00:00:00:00:0c');
    expect(other.space.run('cat', '/proc/sys/net/ipv4/ip_forward').trim()).toBe('0');
    await del(other);
    await nothingLeft();
  });

  test.each([
    [
      'the runtime',
      {},
      { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 4_000_000 },
      '100000b',
      '64Kb',
    ],
    [
      'Calico’s annotations',
      {
        'qos.projectcalico.org/ingressBandwidth': '8M',
        'qos.projectcalico.org/ingressBurst': '800k',
        'qos.projectcalico.org/egressBandwidth': '4M',
      },
      undefined,
      '100000b',
      '64Kb',
    ],
    [
      'Kubernetes’ annotations',
      { 'kubernetes.io/ingress-bandwidth': '8M', 'kubernetes.io/egress-bandwidth': '4M' },
      undefined,
      '100000b',
      '64Kb',
    ],
  ])(
    'bandwidth that %s asks for is a token bucket at either end',
    async (_, annotations, bandwidth, got, sent) => {
      const pod = await stand.pod(
        `slow-${refused++}`,
        { app: 'slow' },
        annotations as Readonly<Record<string, string>>,
      );
      await add(pod, bandwidth === undefined ? {} : { runtimeConfig: { bandwidth } });
      const tc = (text: string) => text.split('\n')[0] ?? '';
      expect(tc(stand.node.run('tc', 'qdisc', 'show', 'dev', stand.cables()[0] as string))).toContain(
        `rate 8Mbit burst ${got}`,
      );
      expect(tc(pod.space.run('tc', 'qdisc', 'show', 'dev', 'eth0'))).toContain(`rate 4Mbit burst ${sent}`);
      // Whoever lifts it is limited again at the next look, here the first of a new agent.
      if (bandwidth !== undefined && backEnd === 'nftables') {
        stand.node.run('tc', 'qdisc', 'del', 'dev', stand.cables()[0] as string, 'root');
        pod.space.run('tc', 'qdisc', 'del', 'dev', 'eth0', 'root');
        await stand.kill('agent');
        await stand.startAgent('--dataplane', backEnd);
        await until(
          () => tc(pod.space.run('tc', 'qdisc', 'show', 'dev', 'eth0')),
          shown => shown.includes(`rate 4Mbit burst ${sent}`),
          'the pod’s own end is limited again',
        );
        expect(tc(stand.node.run('tc', 'qdisc', 'show', 'dev', stand.cables()[0] as string))).toContain(
          'rate 8Mbit',
        );
      }
      await del(pod);
      await nothingLeft();
    },
  );

  test('a pod gets no more packets and connections at a time than its annotations allow, and nothing of it stays', async () => {
    const qos = 'qos.projectcalico.org';
    const limited = await stand.pod(
      'limited',
      {},
      {
        [`${qos}/ingressMaxConnections`]: '2',
        [`${qos}/egressPacketRate`]: '1',
        [`${qos}/egressPacketBurst`]: '40',
      },
    );
    const other = await stand.pod('other-limited', {}, { [`${qos}/egressMaxConnections`]: '100' });
    const client = await stand.pod('client-4');
    const [four = ''] = (await add(limited)).ips;
    await add(other);
    await add(client);
    // Connections that stay open: the third finds no room.
    const server = createServer(socket => void socket.on('error', () => {}).write('hello'));
    server.listen({ fd: must(tcpListenIn(limited.space.namespace, mustIp(four), 80)) });
    const open: Socket[] = [];
    const greeted = async () => {
      const socket = new Socket({ fd: must(tcpSocketIn(client.space.namespace, 4)) });
      open.push(socket);
      return new Promise<string>(resolve => {
        socket.setTimeout(700, () => resolve('nothing'));
        socket.on('data', data => resolve(String(data))).on('error', error => resolve(error.message));
        socket.connect(80, four);
      });
    };
    expect([await greeted(), await greeted(), await greeted()]).toEqual(['hello', 'hello', 'nothing']);
    // A pod that comes or goes leaves what others have counted.
    await del(other);
    expect(await greeted()).toBe('nothing');
    for (const socket of open) socket.destroy();
    await new Promise(resolve => server.close(resolve));
    // Forty at once, then one a second: of a hundred some sixty are dropped.
    limited.space.run('bash', '-c', `for i in {1..100}; do echo > /dev/udp/${NODE_4}/9; done`);
    const table = stand.node.run('nft', 'list', 'table', 'inet', 'muslin-limits');
    const dropped = Number(
      /limit rate over 1\/second burst 40 packets counter packets (\d+)/.exec(table)?.[1],
    );
    expect([dropped > 40, dropped < 80]).toEqual([true, true]);
    // What somebody takes away comes back: all of it, or one rule of ours beside it.
    const rules = () => stand.node.run('nft', 'list', 'ruleset').match(/(ct count|limit rate) over/g)?.length;
    expect(rules()).toBe(2);
    if (backEnd === 'nftables') {
      stand.node.run('nft', 'flush', 'ruleset');
      await until(rules, count => count === 2, 'the limits are back');
    }
    await del(limited);
    await del(client);
    expect(stand.node.run('nft', 'list', 'tables')).not.toContain('muslin-limits');
    await nothingLeft();
  });

  test('a second interface of a container has its own name, addresses and answers, under the same policy', async () => {
    const pod = await stand.pod('two', { guarded: 'yes' });
    const client = await stand.pod('client-3');
    const first = (await add(pod)).ips;
    // A delegate's own network, and the same one again.
    const second = await add(pod, { name: 'storage' }, { CNI_IFNAME: 'net1' });
    const third = await add(pod, { name: 'storage' }, { CNI_IFNAME: 'net2' });
    const mine = (await add(client)).ips;
    expect(second.result.interfaces[1]).toMatchObject({ name: 'net1', sandbox: pod.space.path });
    const all = [...first, ...second.ips, ...third.ips];
    expect(new Set(all).size).toBe(6);
    expect(stand.cables()).toHaveLength(4);
    expect([...stand.routes()].sort()).toEqual([...all, ...mine].sort());
    expect(pod.space.ip('-4', 'route', 'show', 'default').map(r => r.dev)).toEqual(['eth0']);
    const refused = await stand.cni('ADD', pod, { CNI_IFNAME: 'net1' }, { name: 'storage' });
    expect(JSON.parse(refused.out)).toMatchObject({ code: 4 });
    for (const ifname of ['eth0', 'net1', 'net2'])
      expect(await stand.cni('CHECK', pod, { CNI_IFNAME: ifname })).toMatchObject({ code: 0 });
    // The node may, other pods may not.
    await Promise.all(
      [...second.ips, ...third.ips].map(async ip => {
        const end = await serveWord(pod.space.namespace, ip, 80, 'secret');
        expect(await listenTo(stand.node.namespace, ip, 80)).toMatch(/^secret /);
        expect(await hear(client.space.namespace, ip, 80)).toBeUndefined();
        await end();
      }),
    );
    // The end of one leaves the others, over a restart too.
    await stand.kill('agent');
    await stand.startAgent('--dataplane', backEnd);
    expect(await stand.cni('DEL', pod, { CNI_IFNAME: 'net1' }, { name: 'storage' })).toMatchObject({
      code: 0,
    });
    expect(stand.cables()).toHaveLength(3);
    expect([...stand.routes()].sort()).toEqual([...first, ...third.ips, ...mine].sort());
    expect(await stand.cni('CHECK', pod, { CNI_IFNAME: 'net2' })).toMatchObject({ code: 0 });
    const end = await serveWord(pod.space.namespace, third.ips[0] as string, 80, 'secret');
    expect(await listenTo(stand.node.namespace, third.ips[0] as string, 80)).toMatch(/^secret /);
    await end();
    await del(pod, { CNI_IFNAME: 'net2' });
    await del(pod);
    await del(client);
    await nothingLeft();
  });

  test('a newer sandbox of a pod takes the place of all interfaces of the older one', async () => {
    const older = await stand.pod('again');
    await add(older);
    await add(older, {}, { CNI_IFNAME: 'net1' });
    const newer = stand.sandboxOf('again', older.uid);
    const { ips } = await add(newer);
    expect(stand.cables()).toHaveLength(1);
    expect([...stand.routes()].sort()).toEqual([...ips].sort());
    await del(older, { CNI_IFNAME: 'net1' });
    await del(older);
    expect(await stand.cni('CHECK', newer)).toMatchObject({ code: 0 });
    await del(newer);
    await nothingLeft();
  });

  test.each([
    [{ runtimeConfig: { mac: '01:00:00:00:00:01' } }, 7, /^mac must be/],
    [{ runtimeConfig: { ips: ['nowhere'] } }, 7, /^ips must be/],
    [{ runtimeConfig: { ips: ['203.0.113.9'] } }, 100, /203\.0\.113\.9/],
    [{ runtimeConfig: { portMappings: [{ hostPort: 70_000, containerPort: 1 }] } }, 7, /^portMappings must/],
    [{ prevResult: 'what' }, 6, /^prevResult must be/],
    [{ prevResult: {} }, 7, /made no interface eth0/],
  ])('%j is refused with code %i, and nothing is left', async (config, code, message) => {
    const pod = await stand.pod(`refused-${refused++}`);
    await expect(add(pod, config)).rejects.toThrow(new RegExp(`^${code} `));
    await expect(add(pod, config)).rejects.toThrow(new RegExp(message.source.replace('^', `^${code} `)));
    await nothingLeft();
  });
});
