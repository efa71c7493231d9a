import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { end, eventually, Stage } from './stage.ts';

let stage: Stage;
let speaker: ChildProcess;
let bird5: ChildProcess;
let frr: Awaited<ReturnType<Stage['startFrr']>>;

const frrConfig = `
router bgp 65001
 bgp router-id 10.255.0.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor up0 interface remote-as external
 neighbor up0 timers connect 1
 neighbor up0 timers 3 9
 address-family ipv4 unicast
  network 198.51.100.0/24
 exit-address-family
 address-family ipv6 unicast
  neighbor up0 activate
  network fd98::/64
 exit-address-family
exit
`;
const birdConfig = (host: number, asNumber: number, password: string) => `
router id 10.78.0.${host};
log stderr all;
protocol device {}
protocol static { ipv4; route 203.0.113.${host}/32 blackhole; }
protocol bgp n1 {
  local 10.78.0.${host} as ${asNumber}; neighbor 10.78.0.1 as 64512;
  password "${password}";
  connect retry time 1; connect delay time 1; error wait time 1, 2; hold time 30;
  ipv4 { import all; export where source = RTS_STATIC; next hop self; };
}`;

// biome-ignore lint/suspicious/noExplicitAny: JSON of the socket
const peers = async (): Promise<any[]> => stage.json('n1', '/v1/peers');
const link = (name: string) => {
  const [found] = JSON.parse(
    stage.run(name, 'ip', '-j', '-6', 'addr', 'show', 'dev', 'up0', 'scope', 'link'),
  );
  return found?.addr_info[0]?.local as string;
};

beforeAll(async () => {
  stage = new Stage({ n1: 1, leaf: 9, bird5: 5, bird6: 6, bird7: 7, bird8: 8 });
  stage.run(
    'n1',
    'ip',
    'link',
    'add',
    'up0',
    'type',
    'veth',
    'peer',
    'name',
    'up0',
    'netns',
    stage.ns('leaf'),
  );
  for (const name of ['n1', 'leaf']) {
    stage.run(
      name,
      'sysctl',
      '-qw',
      'net.ipv4.ip_forward=1',
      'net.ipv6.conf.all.forwarding=1',
      'net.ipv6.conf.up0.accept_dad=0',
    );
    stage.run(name, 'ip', 'link', 'set', 'up0', 'up');
  }
  stage.run('leaf', 'ip', 'link', 'set', 'eth0', 'down');
  stage.run('leaf', 'ip', 'addr', 'add', '198.51.100.1/32', 'dev', 'lo');
  stage.run('n1', 'ip', 'addr', 'add', '10.244.1.1/32', 'dev', 'lo');
  await stage.serveApi();
  await stage.putNode('n1', '10.78.0.1');
  await stage.put('IPPool', 'pods', { spec: { cidr: '10.244.0.0/16' } });
  await stage.putBlock('n1', '10.244.1.0/26');
  await stage.put(
    'Secret',
    'bgp',
    { data: { racks: Buffer.from('shared').toString('base64') } },
    'kube-system',
  );
  frr = await stage.startFrr('leaf', { bgpd: frrConfig });
  bird5 = stage.startBird('bird5', birdConfig(5, 65005, 'shared')).child;
  speaker = stage.startSpeaker('n1');
});

afterAll(() => stage?.close());

test('an interface without a router that is heard is told of', async () => {
  await stage.put('BGPPeerPolicy', 'away', {
    spec: { interfaces: [{ name: 'eth0', remoteAS: 'External' }] },
  });
  await eventually(async () => {
    const { conditions } = await stage.json('n1', '/v1/status');
    expect(conditions[0]).toMatchObject({ status: 'False', reason: 'NobodyHeard' });
    expect(conditions[0].message).toContain('no router has been heard on eth0');
  });
  await stage.client.raw({ method: 'DELETE', path: '/apis/muslin.dev/v1alpha1/bgppeerpolicies/away' });
});

test('an unnumbered FRR is found and finds us; IPv4 and IPv6 go over its link-local address (RFC 8950)', async () => {
  await stage.put('BGPPeerPolicy', 'leaf', {
    spec: { interfaces: [{ name: 'up0', remoteAS: 'External' }], holdTimeSeconds: 9 },
  });
  const [ours, theirs] = [link('n1'), link('leaf')];
  await eventually(async () => {
    expect((await peers()).find(peer => peer.id === `${theirs}%up0`)).toMatchObject({
      state: 'Established',
      remoteAs: 65001,
      holdTime: 9,
    });
  }, 40_000);
  await eventually(() => {
    expect(stage.run('n1', 'ip', 'route', 'show', 'proto', 'bgp')).toMatch(
      new RegExp(`198\\.51\\.100\\.0/24 via inet6 ${theirs} dev up0`),
    );
    expect(stage.run('n1', 'ip', '-6', 'route', 'show', 'proto', 'bgp')).toMatch(
      new RegExp(`fd98::/64 via ${theirs} dev up0`),
    );
    expect(stage.run('leaf', 'ip', 'route', 'show', 'proto', 'bgp')).toMatch(
      new RegExp(`10\\.244\\.1\\.0/26 .*via inet6 ${ours} dev up0`),
    );
  }, 20_000);
  // FRR itself listens there: packets find the way to it, and back.
  const call = `require('node:net').connect({ host: '198.51.100.1', port: 179, localAddress: '10.244.1.1', timeout: 5000 })
    .on('connect', () => process.exit(0)).on('timeout', () => process.exit(1)).on('error', () => process.exit(1))`;
  stage.run('n1', process.execPath, '-e', call);
  expect(frr.ask('show bgp summary json')).toContain('"state":"Established"');
});

test('routers may call from a listen range, with its password, from its ASes, and no more than it takes', async () => {
  expect(stage.learned('n1')).not.toContain('203.0.113.5 via 10.78.0.5');
  await stage.put('BGPPeerPolicy', 'racks', {
    spec: {
      listenRanges: [
        {
          cidr: '10.78.0.0/24',
          asNumbers: [65005, 65006],
          most: 2,
          password: { secretKeyRef: { name: 'bgp', key: 'racks' } },
        },
      ],
      holdTimeSeconds: 30,
    },
  });
  await eventually(() => expect(stage.learned('n1')).toContain('203.0.113.5 via 10.78.0.5'), 30_000);
  expect((await peers()).find(peer => peer.id === '10.78.0.5')).toMatchObject({
    state: 'Established',
    remoteAs: 65005,
    type: 'GlobalPeer',
    holdTime: 30,
  });
  // In the range and with the password, but in an AS that is not asked for: it takes the second place in vain.
  const bird6 = stage.startBird('bird6', birdConfig(6, 65099, 'shared'));
  await eventually(async () => {
    const wrong = (await peers()).find(peer => peer.id === '10.78.0.6');
    expect(wrong?.lastError).toContain('the peer is in AS 65099, 65005 or 65006 is configured');
  }, 30_000);
  const bird7 = stage.startBird('bird7', birdConfig(7, 65006, 'shared'));
  await eventually(
    () =>
      expect(stage.logOf('n1.log')).toContain('10.78.0.7 calls from 10.78.0.0/24, where 2 are up already'),
    30_000,
  );
  expect((await peers()).map(peer => peer.id)).not.toContain('10.78.0.7');
  expect((await peers()).find(peer => peer.id === '10.78.0.5')).toMatchObject({ established: 1 });
  await Promise.all([end(bird6.child, 'SIGKILL'), end(bird7.child, 'SIGKILL')]);
});

test('over a restart, routes of those who call by themselves stay until they have called; those of peers with a name go when it is back', async () => {
  const named = (routes: string) => `
router id 10.78.0.8;
protocol device {}
protocol static { ipv4; ${routes} }
protocol bgp n1 {
  local 10.78.0.8 as 65008; neighbor 10.78.0.1 as 64512;
  connect retry time 1; connect delay time 1; error wait time 1, 2; hold time 30;
  ipv4 { import all; export where source = RTS_STATIC; };
}`;
  const bird8 = stage.startBird('bird8', named('route 203.0.113.8/32 blackhole;'));
  await stage.put('BGPPeer', 'named', { spec: { peerIP: '10.78.0.8', asNumber: 65008 } });
  await eventually(() => expect(stage.learned('n1')).toContain('203.0.113.8 via 10.78.0.8'));
  const before = stage.learned('n1');
  expect(before).toContain('203.0.113.5 via 10.78.0.5');
  // It is away while the speaker starts again.
  bird5.kill('SIGSTOP');
  await end(speaker, 'SIGKILL');
  bird8.reconfigure(named('route 203.0.113.9/32 blackhole;'));
  stage.startSpeaker('n1');
  await eventually(() => {
    expect(stage.learned('n1')).toContain('203.0.113.9 via 10.78.0.8');
    expect(stage.learned('n1')).not.toContain('203.0.113.8 via 10.78.0.8');
  }, 30_000);
  expect(stage.learned('n1')).toContain('203.0.113.5 via 10.78.0.5');
  bird5.kill('SIGCONT');
  await eventually(async () => {
    expect((await peers()).find(peer => peer.id === '10.78.0.5')).toMatchObject({ state: 'Established' });
  }, 30_000);
  expect(stage.learned('n1')).toContain('203.0.113.5 via 10.78.0.5');
});
