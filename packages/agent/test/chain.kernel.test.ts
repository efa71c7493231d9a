import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PluginList } from './plugin-list.ts';
import { must, until } from './spaces.ts';
import { Stand, type StandPod } from './stand.ts';
import { hear, listenTo, serveWord } from './talk.ts';

let stand: Stand;
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
});
afterAll(async () => {
  await stand?.down();
});

const nothingOf = async (...pods: readonly StandPod[]) => {
  expect(stand.cables()).toEqual([]);
  expect(stand.routes()).toEqual([]);
  await until(
    () => stand.held(),
    held => pods.every(pod => ![...held.keys()].some(handle => handle.includes(pod.containerId))),
    'no address is held',
    20_000,
  );
};
const addressIn = (result: Readonly<Record<string, unknown>>, at = 0) =>
  ((result['ips'] as { address: string }[])[at]?.address.split('/')[0] ?? '') as string;

describe('plugins after ours', () => {
  const list = () =>
    new PluginList(stand, [
      { type: 'muslin' },
      { type: 'tuning', sysctl: { 'net.core.somaxconn': '500' } },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true, backend: 'iptables' },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
    ]);

  test.each(['0.3.1', '0.4.0', '1.0.0'])(
    'tuning, portmap and bandwidth work on its result of version %s',
    async version => {
      const plugins = new PluginList(
        stand,
        [
          { type: 'muslin' },
          { type: 'tuning', sysctl: { 'net.core.somaxconn': '500' }, mac: '02:00:00:00:00:77' },
          { type: 'portmap', capabilities: { portMappings: true }, snat: true, backend: 'iptables' },
          { type: 'bandwidth', capabilities: { bandwidth: true } },
        ],
        version,
      );
      const pod = await stand.pod(`chain-${version.replaceAll('.', '-')}`);
      const runtime = {
        portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
        bandwidth: { ingressRate: 8_000_000, ingressBurst: 800_000 },
      };
      const result = await plugins.add(pod, runtime);
      expect(result).toMatchObject({ cniVersion: version });
      expect(pod.space.run('cat', '/proc/sys/net/core/somaxconn').trim()).toBe('500');
      expect(stand.node.run('tc', 'qdisc', 'show', 'dev', stand.cables()[0] as string)).toContain(
        'rate 8Mbit',
      );
      const close = await serveWord(pod.space.namespace, addressIn(result), 80, 'hello');
      stand.node.run('ip', 'addr', 'replace', '192.0.2.1/32', 'dev', 'lo');
      // Nodes have a default route: without one the kernel does not answer for the gateway (proxy ARP).
      stand.node.run('ip', 'route', 'replace', 'default', 'dev', 'lo');
      expect(await listenTo(stand.node.namespace, '192.0.2.1', 8080)).toMatch(/^hello /);
      await close();
      // portmap 1.1 looks for its IPv4 rules among those of IPv6, and so refuses every pod of both families.
      if (version !== '0.3.1') await plugins.check(pod, runtime, ['portmap']);
      await plugins.del(pod, runtime);
      await plugins.del(pod, runtime);
      await nothingOf(pod);
    },
  );

  test('firewall may put its rules before ours, and sbr move the routes to tables of its own', async () => {
    const plugins = new PluginList(stand, [{ type: 'muslin' }, { type: 'firewall' }, { type: 'sbr' }]);
    const [pod, guarded] = [
      await stand.pod('chain-moved'),
      await stand.pod('chain-barred', { guarded: 'yes' }),
    ];
    await plugins.add(pod);
    const ip = addressIn(await plugins.add(guarded));
    await plugins.check(pod);
    const close = await serveWord(guarded.space.namespace, ip, 80, 'secret');
    // What comes back goes by sbr's routes; and firewall's word for the pod opens it to nobody.
    expect(await listenTo(stand.node.namespace, ip, 80)).toMatch(/^secret /);
    expect(await hear(pod.space.namespace, ip, 80)).toBeUndefined();
    await close();
    for (const each of [pod, guarded]) await plugins.del(each);
    await nothingOf(pod, guarded);
  });

  test('a later one that refuses is followed by DELs that leave nothing', async () => {
    const pod = await stand.pod('chain-refused');
    const broken = new PluginList(stand, [
      { type: 'muslin' },
      { type: 'tuning', sysctl: { 'net.no.such': '1' } },
    ]);
    await expect(broken.add(pod)).rejects.toThrow(/^tuning/);
    await broken.del(pod);
    await nothingOf(pod);
    await list().del(pod);
  });
});

describe('plugins before ours', () => {
  const PTP = {
    type: 'ptp',
    ipMasq: false,
    ipam: {
      type: 'host-local',
      ranges: [[{ subnet: '10.88.0.0/24' }], [{ subnet: 'fd88::/64' }]],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    },
  };
  const ptp = () =>
    new PluginList(stand, [
      { ...PTP, ipam: { ...PTP.ipam, dataDir: `${stand.folder}/host-local` } },
      { type: 'muslin' },
    ]);

  test('make the interface and addresses, and policy is enforced on them', async () => {
    const plugins = ptp();
    const pods = {
      guarded: await stand.pod('guarded', { guarded: 'yes' }),
      friend: await stand.pod('friend'),
      stranger: await stand.pod('stranger'),
    };
    const result = await plugins.add(pods.guarded);
    const interfaces = result['interfaces'] as { name: string; sandbox?: string }[];
    // The node's end has the name that rules know; all else is as ptp said.
    expect(interfaces.map(({ name, sandbox }) => [name, sandbox ?? ''])).toEqual([
      [expect.stringMatching(/^msl[0-9a-f]{11}$/), ''],
      ['eth0', pods.guarded.space.path],
    ]);
    expect(result['ips']).toMatchObject([{ gateway: '10.88.0.1' }, { gateway: 'fd88::1' }]);
    await plugins.add(pods.friend);
    await plugins.add(pods.stranger);
    for (const at of [0, 1]) {
      const ip = addressIn(result, at);
      const close = await serveWord(pods.guarded.space.namespace, ip, 80, 'secret');
      expect(await listenTo(pods.friend.space.namespace, ip, 80)).toMatch(/^secret /);
      expect(await hear(pods.stranger.space.namespace, ip, 80)).toBeUndefined();
      await close();
    }
    await plugins.check(pods.guarded);
    // No address of ours was taken for them.
    expect(
      [...(await stand.held()).keys()].filter(handle => handle.includes(pods.guarded.containerId)),
    ).toEqual([]);
    for (const pod of Object.values(pods)) {
      await plugins.del(pod);
      await plugins.del(pod);
    }
    await nothingOf(...Object.values(pods));
  });

  test('a restart of the agent keeps what it enforces on them', async () => {
    const plugins = ptp();
    const guarded = await stand.pod('guarded-2', { guarded: 'yes' });
    const stranger = await stand.pod('stranger-2');
    const ip = addressIn(await plugins.add(guarded));
    await plugins.add(stranger);
    await stand.kill('agent');
    await stand.startAgent();
    const close = await serveWord(guarded.space.namespace, ip, 80, 'secret');
    expect(await hear(stranger.space.namespace, ip, 80)).toBeUndefined();
    await close();
    for (const pod of [guarded, stranger]) await plugins.del(pod);
    await nothingOf(guarded, stranger);
  });

  test('whose packets pass no rules are refused with the reason, and nothing is left', async () => {
    const pod = await stand.pod('bridged');
    const bridge = new PluginList(stand, [
      { ...PTP, type: 'bridge', bridge: 'br7', ipam: { ...PTP.ipam, dataDir: `${stand.folder}/host-local` } },
      { type: 'muslin' },
    ]);
    await expect(bridge.add(pod)).rejects.toThrow(/is a port of a bridge.*such as ptp/);
    await bridge.del(pod);
    await nothingOf(pod);
  });
});

describe('addresses of another plugin', () => {
  const dataDir = () => `${stand.folder}/host-local-2`;
  const config = (ipam: object) => ({ ipam: { type: 'host-local', dataDir: dataDir(), ...ipam } });
  const env = { CNI_PATH: '/no/such/folder:/usr/lib/cni' };
  const call = async (command: string, pod: StandPod, ipam: object, more: object = {}) => {
    const { code, out } = await stand.cni(command, pod, env, { ...config(ipam), ...more });
    return { code, said: out === '' ? {} : JSON.parse(out) };
  };
  const leases = () =>
    existsSync(dataDir())
      ? readdirSync(`${dataDir()}/k8s-pod-network`).filter(name => /^[0-9a-f]+[.:]/.test(name))
      : [];
  const OWN = { ranges: [[{ subnet: 'usePodCidr' }], [{ subnet: 'usePodCidrIPv6' }]] };

  test('are asked of it with the node’s podCIDRs, and given back to it with each DEL', async () => {
    const pod = await stand.pod('elsewhere', { guarded: 'yes' });
    expect(await call('ADD', pod, OWN)).toMatchObject({
      code: 1,
      said: { code: 11, msg: expect.stringMatching(/no IPv4 podCIDR/) },
    });
    must(
      await stand.client.patch(
        RESOURCES.Node,
        { name: 'n1' },
        { type: 'merge', body: { spec: { podCIDRs: ['10.99.0.0/24', 'fd99::/112'] } } },
      ),
    );
    const { said } = await until(
      () => call('ADD', pod, OWN),
      ({ code }) => code === 0,
      'the podCIDRs are known',
    );
    expect(said).toMatchObject({
      cniVersion: '1.1.0',
      ips: [{ address: '10.99.0.2/32' }, { address: 'fd99::2/128' }],
    });
    expect(leases()).toEqual(['10.99.0.2', 'fd99::2']);
    expect(stand.routes().toSorted()).toEqual(['10.99.0.2', 'fd99::2']);
    expect([...(await stand.held()).keys()].filter(handle => handle.includes(pod.containerId))).toEqual([]);
    stand.node.run('ip', 'addr', 'replace', '192.0.2.1/32', 'dev', 'lo');
    const close = await serveWord(pod.space.namespace, '10.99.0.2', 80, 'hello');
    expect(await listenTo(stand.node.namespace, '10.99.0.2', 80)).toMatch(/^hello /);
    await close();
    for (const command of ['CHECK', 'STATUS', 'GC'])
      expect(await call(command, pod, OWN, { prevResult: said })).toMatchObject({ code: 0 });
    // Whoever restarts knows whom to ask, also for what it was not told of.
    await stand.kill('agent');
    await stand.startAgent();
    for (const ip of leases()) rmSync(`${dataDir()}/k8s-pod-network/${ip}`);
    expect(await call('CHECK', pod, OWN, { prevResult: said })).toMatchObject({
      code: 1,
      said: { msg: expect.stringMatching(/^IPAM plugin host-local: /) },
    });
    expect(await call('DEL', pod, OWN)).toEqual({ code: 0, said: {} });
    expect(leases()).toEqual([]);
    expect(await call('DEL', pod, OWN)).toEqual({ code: 0, said: {} });
    await nothingOf(pod);
  });

  test('are refused in its own words, and nothing is left', async () => {
    const range = { subnet: '10.99.1.0/30' };
    const [first, second] = [await stand.pod('elsewhere-2'), await stand.pod('elsewhere-3')];
    expect(await call('ADD', first, range)).toMatchObject({ code: 0 });
    expect(await call('ADD', second, range)).toMatchObject({
      code: 1,
      said: { code: 999, msg: expect.stringMatching(/host-local: .*no IP addresses/) },
    });
    expect(await call('DEL', second, range)).toEqual({ code: 0, said: {} });
    expect(leases()).toEqual(['10.99.1.2']);
    // A newer sandbox of the pod takes over from the older one, addresses too.
    const again = stand.sandboxOf('elsewhere-2', first.uid);
    await until(
      () => call('ADD', again, range),
      ({ code }) => code === 0,
      'the address came back',
    );
    for (const pod of [first, again, second])
      expect(await call('DEL', pod, range)).toEqual({ code: 0, said: {} });
    expect(leases()).toEqual([]);
    const missing = { type: 'no-such-plugin' };
    expect(await call('ADD', second, missing)).toMatchObject({
      said: { code: 7, msg: expect.stringMatching(/no-such-plugin is in no folder/) },
    });
    await nothingOf(first, second, again);
  });

  test('are asked with CNI’s variables and no others, and whatever the plugin says to whichever command is passed on', async () => {
    const folder = `${stand.folder}/spy`;
    mkdirSync(folder);
    const fault = (code: number) => `{"code":${code},"msg":"said $CNI_COMMAND","details":"by the spy"}`;
    const script = [
      '#!/bin/sh',
      `env > ${folder}/$CNI_COMMAND.env; cat > ${folder}/$CNI_COMMAND.in`,
      `case $CNI_COMMAND in ADD) echo '{"ips":[{"address":"10.96.0.5/32"}]}' ;; DEL) ;;`,
      `STATUS) echo "${fault(50).replaceAll('"', '\\"')}"; exit 1 ;;`,
      `*) echo "${fault(121).replaceAll('"', '\\"')}"; exit 1 ;; esac`,
    ];
    writeFileSync(`${folder}/spy`, script.join('\n'), { mode: 0o755 });
    const pod = await stand.pod('spied-upon');
    const spy = async (command: string, more: object = {}) => {
      const { out } = await stand.cni(command, pod, { CNI_PATH: folder }, { ipam: { type: 'spy' }, ...more });
      return out === '' ? {} : JSON.parse(out);
    };
    expect(await spy('ADD', { secret: 'of this network' })).toMatchObject({
      ips: [{ address: '10.96.0.5/32' }],
    });
    const told = { msg: 'IPAM plugin spy: said ', details: 'by the spy' };
    for (const [command, code] of [
      ['CHECK', 121],
      ['GC', 121],
      ['STATUS', 50],
    ] as const)
      expect(await spy(command)).toMatchObject({ ...told, code, msg: `${told.msg}${command}` });
    expect(await spy('DEL')).toEqual({});
    for (const command of ['ADD', 'CHECK', 'GC', 'STATUS', 'DEL']) {
      const names = readFileSync(`${folder}/${command}.env`, 'utf8').match(/^[^=]+(?==)/gm) ?? [];
      // What a shell sets itself.
      const own = names.filter(name => !/^(PWD|SHLVL|OLDPWD|_)$/.test(name)).toSorted();
      const cni = ['ARGS', 'COMMAND', 'CONTAINERID', 'IFNAME', 'NETNS', 'PATH'].map(name => `CNI_${name}`);
      expect(own).toEqual([...cni, 'PATH']);
    }
    expect(JSON.parse(readFileSync(`${folder}/ADD.in`, 'utf8'))).toMatchObject({
      ...{ name: 'k8s-pod-network', ipam: { type: 'spy' }, secret: 'of this network' },
    });
    await nothingOf(pod);
  });

  test('are static’s, from the configuration or from what the runtime asks for', async () => {
    const [named, asked] = [await stand.pod('static-1'), await stand.pod('static-2')];
    const ipam = { type: 'static', addresses: [{ address: '10.97.0.5/24' }, { address: 'fd97::5/64' }] };
    const { code, said } = await call('ADD', named, ipam);
    expect([code, said]).toMatchObject([
      0,
      { ips: [{ address: '10.97.0.5/32' }, { address: 'fd97::5/128' }] },
    ]);
    expect(await call('CHECK', named, ipam, { prevResult: said })).toEqual({ code: 0, said: {} });
    const runtime = { runtimeConfig: { ips: ['10.97.0.6/24'] } };
    const wished = await call('ADD', asked, { type: 'static' }, runtime);
    expect(wished).toMatchObject({ code: 0, said: { ips: [{ address: '10.97.0.6/32' }] } });
    const close = await serveWord(asked.space.namespace, '10.97.0.6', 80, 'hello');
    expect(await listenTo(named.space.namespace, '10.97.0.6', 80)).toMatch(/^hello /);
    await close();
    // It gives nothing of its own accord.
    const none = await stand.pod('static-3');
    expect(await call('ADD', none, { type: 'static' })).toMatchObject({
      said: { msg: expect.stringMatching(/static gave no address/) },
    });
    for (const pod of [named, asked, none])
      expect(await call('DEL', pod, ipam)).toEqual({ code: 0, said: {} });
    await nothingOf(named, asked, none);
  });

  test('are never dhcp’s, which would ask through an interface that leads to no segment', async () => {
    const pod = await stand.pod('dhcp');
    expect(await call('ADD', pod, { type: 'dhcp' })).toMatchObject({
      code: 1,
      said: { code: 7, msg: expect.stringMatching(/dhcp asks through the pod's interface.*macvlan/) },
    });
    for (const command of ['DEL', 'STATUS', 'GC'])
      expect(await call(command, pod, { type: 'dhcp' })).toEqual({ code: 0, said: {} });
    await nothingOf(pod);
  });

  test('come out of the subnet that flannel wrote, with its MTU', async () => {
    const pod = await stand.pod('canal');
    const more = { subnetFile: `${stand.folder}/subnet.env` };
    const ipam = { subnet: 'useFlannelSubnet' };
    expect(await call('ADD', pod, ipam, more)).toMatchObject({
      said: { code: 11, msg: expect.stringMatching(/subnet\.env names no IPv4 subnet/) },
    });
    writeFileSync(more.subnetFile, 'FLANNEL_SUBNET=10.98.3.1/24\nFLANNEL_MTU=1400\n');
    const { said } = await call('ADD', pod, ipam, more);
    expect([said.ips, said.interfaces[1].mtu]).toMatchObject([[{ address: '10.98.3.2/32' }], 1400]);
    // Whoever takes away needs no file.
    rmSync(more.subnetFile);
    expect(await call('DEL', pod, ipam, more)).toEqual({ code: 0, said: {} });
    expect(leases()).toEqual([]);
    await nothingOf(pod);
  });

  test('of Calico’s type are ours, from the pools that it names', async () => {
    const pod = await stand.pod('calico-shaped');
    const calico = {
      type: 'calico-ipam',
      assign_ipv4: 'true',
      assign_ipv6: 'false',
      ipv4_pools: ['10.77.0.0/24'],
    };
    const { code, said } = await call('ADD', pod, calico);
    expect([code, said.ips]).toMatchObject([0, [{ address: expect.stringMatching(/^10\.77\.0\./) }]]);
    expect(await call('DEL', pod, calico)).toEqual({ code: 0, said: {} });
    const none = { type: 'calico-ipam', ipv4_pools: ['nowhere'] };
    // Another container: the same one would get what it had, until that is given back.
    const other = await stand.pod('calico-shaped-2');
    expect(await call('ADD', other, none)).toMatchObject({
      said: { code: 100, msg: expect.stringMatching(/nowhere/) },
    });
    await nothingOf(pod, other);
  });
});

describe('another CNI without Muslin in its chain', () => {
  const dataDir = () => `${stand.folder}/host-local-3`;
  const ptp = () =>
    new PluginList(stand, [
      {
        type: 'ptp',
        ipam: {
          type: 'host-local',
          dataDir: dataDir(),
          subnet: '10.87.0.0/24',
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ]);
  const felix = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'FelixConfiguration',
    metadata: { name: 'default' },
  };
  /** As the kubelet tells it. */
  const tellAddresses = async (pod: StandPod, ips: readonly string[]) =>
    must(
      await stand.client.patch(
        RESOURCES.Pod,
        { namespace: 'shop', name: pod.name },
        {
          type: 'merge',
          body: { status: { phase: 'Running', podIP: ips[0], podIPs: ips.map(ip => ({ ip })) } },
        },
        { subresource: 'status' },
      ),
    );
  const found = async (
    good: (told: {
      readonly governed: Readonly<Record<string, string>>;
      readonly ungoverned: Readonly<Record<string, string>>;
    }) => boolean,
    what: string,
  ) =>
    until(
      async () => (await stand.status())?.found,
      told => told !== undefined && good(told),
      what,
    );

  test('is governed by the pods that the API server shows, over a restart, and has its interface back', async () => {
    await stand.create({ ...felix, spec: { interfacePrefix: 'cali,veth' } });
    const plugins = ptp();
    const pods = [
      await stand.pod('far', { guarded: 'yes' }),
      await stand.pod('near', { app: 'friend' }),
      await stand.pod('odd'),
    ];
    const [far, near, odd] = pods as [StandPod, StandPod, StandPod];
    const ips = new Map<StandPod, readonly string[]>();
    for (const pod of pods) {
      const result = await plugins.add(pod);
      ips.set(pod, [addressIn(result)]);
    }
    // Until the API server names them, nobody reaches them, and they reach nobody: but for the node's own probes.
    const [ip = ''] = ips.get(far) ?? [];
    const close = await serveWord(far.space.namespace, ip, 80, 'secret');
    await until(
      () => stand.node.run('nft', 'list', 'ruleset', 'inet'),
      listed => listed.includes('oifname "veth*" counter') && listed.includes('oifname "cali*" counter'),
      'unknown interfaces are held back',
    );
    expect(await hear(near.space.namespace, ip, 80)).toBeUndefined();
    expect(await listenTo(stand.node.namespace, ip, 80)).toMatch(/^secret /);
    stand.node.run('ip', 'addr', 'replace', '192.0.2.1/32', 'dev', 'lo');
    const atNode = await serveWord(stand.node.namespace, '192.0.2.1', 81, 'node');
    expect(await hear(near.space.namespace, '192.0.2.1', 81)).toBeUndefined();
    await tellAddresses(near, ips.get(near) ?? []);
    await found(({ governed }) => Object.keys(governed).length === 1, 'one is governed');
    expect(await listenTo(near.space.namespace, '192.0.2.1', 81)).toMatch(/^node /);
    expect(await hear(near.space.namespace, ip, 80)).toBeUndefined();
    for (const end of [close, atNode]) await end();
    for (const pod of [far, odd]) await tellAddresses(pod, ips.get(pod) ?? []);
    await found(({ governed }) => Object.keys(governed).length === 3, 'all three are governed');
    expect(stand.cables()).toHaveLength(3);
    const look = async () => {
      for (const ip of ips.get(far) ?? []) {
        const close = await serveWord(far.space.namespace, ip, 80, 'secret');
        await until(
          () => hear(near.space.namespace, ip, 80),
          said => /^secret /.test(said ?? ''),
          'a friend is heard',
        );
        expect(await hear(odd.space.namespace, ip, 80)).toBeUndefined();
        await close();
      }
    };
    await look();
    await stand.kill('agent');
    await stand.startAgent();
    await look();
    // The plugin takes away what it made, under whatever name.
    for (const pod of pods) await plugins.del(pod);
    expect(stand.cables()).toEqual([]);
    await found(({ governed }) => Object.keys(governed).length === 0, 'nobody is governed');
    // Somebody who wants them open says so.
    const annotations = { 'muslin.dev/unknown-interfaces': 'accept' };
    must(
      await stand.client.patch(
        RESOURCES.FelixConfiguration,
        { name: 'default' },
        { type: 'merge', body: { metadata: { annotations } } },
      ),
    );
    await until(
      () => stand.node.run('nft', 'list', 'tables'),
      listed => !listed.includes('muslin-strangers'),
      'nobody is held back',
    );
  });

  test('is not where its packets pass no rules, and says so', async () => {
    const pod = await stand.pod('at-bridge');
    const bridge = new PluginList(stand, [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipam: { type: 'host-local', dataDir: dataDir(), subnet: '10.86.0.0/24' },
      },
    ]);
    const result = await bridge.add(pod);
    await tellAddresses(pod, [addressIn(result)]);
    const { ungoverned } = await found(
      told => told.ungoverned['pod/shop/at-bridge'] !== undefined,
      'it is told',
    );
    expect(ungoverned['pod/shop/at-bridge']).toMatch(/^cni0 is a bridge.*past the node's rules/);
    await bridge.del(pod);
    expect(stand.cables()).toEqual([]);
  });
});
