import type { ChildProcess } from 'node:child_process';
import { RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { end, eventually, must, Stage } from './stage.ts';

const AS = 64_512;
const TOR = '10.78.0.3';
let stage: Stage;
let first: ChildProcess;
let bird: ReturnType<Stage['startBird']>;

const birdConfig = (password?: string, more = '', routes = '') => `
router id ${TOR};
log stderr all;
protocol device {}
protocol static { ipv4; route 203.0.113.0/24 blackhole; ${routes} }
${[1, 2]
  .map(
    host => `protocol bgp n${host} {
  local ${TOR} as 65000;
  neighbor 10.78.0.${host} as ${AS};
  ${password === undefined ? '' : `password "${password}";`}
  ${more}
  connect retry time 1; connect delay time 1; error wait time 1, 2; hold time 30;
  graceful restart on; graceful restart time 60;
  ipv4 { import all; export where source = RTS_STATIC; next hop self; };
}`,
  )
  .join('\n')}
`;

const established = async (node: string, address: string) => {
  expect(await stage.peer(node, address)).toMatchObject({ state: 'Established' });
};
/** How often a session was established. */
const ups = async (node: string, address: string): Promise<number> => {
  const peers = await stage.json(node, '/v1/peers');
  return peers.find((peer: { id: string }) => peer.id === address).established;
};
const putPassword = (value: string) =>
  stage.put('Secret', 'bgp', { data: { tor: Buffer.from(value).toString('base64') } }, 'kube-system');

beforeAll(async () => {
  stage = new Stage({ n1: 1, n2: 2, tor: 3, leaf: 4 });
  await stage.serveApi();
  await stage.putNode('n1', '10.78.0.1');
  await stage.putNode('n2', '10.78.0.2');
  await stage.put('IPPool', 'pods', { spec: { cidr: '10.244.0.0/16' } });
  await stage.put('BGPPeer', 'tor', { spec: { peerIP: TOR, asNumber: 65000 } });
  await stage.putBlock('n1', '10.244.1.0/26');
  await stage.putBlock('n2', '10.244.2.0/26');
  await stage.putBlock('n1', '10.244.9.0/26', 'pending');
  bird = stage.startBird('tor', birdConfig());
  first = stage.startSpeaker('n1');
  stage.startSpeaker('n2');
});

afterAll(() => stage?.close());

test('sessions come up with the mesh and the router, and routes reach both kernels', async () => {
  await eventually(async () => {
    await established('n1', TOR);
    await established('n1', '10.78.0.2');
    await established('n2', TOR);
  }, 30_000);
  await eventually(() => {
    expect(stage.learned('n1')).toEqual(['10.244.2.0/26 via 10.78.0.2', `203.0.113.0/24 via ${TOR}`]);
    expect(stage.learned('n2')).toEqual(['10.244.1.0/26 via 10.78.0.1', `203.0.113.0/24 via ${TOR}`]);
  });
  expect(bird.ask('show', 'route', '10.244.1.0/26', 'primary')).toContain('via 10.78.0.1');
});

test('a router hears of another node’s block with that node as next hop: all three share a subnet (RFC 4271 §5.1.3)', async () => {
  const hop = () => bird.ask('show', 'route', '10.244.1.0/26', 'protocol', 'n2', 'all');
  await eventually(() => expect(hop()).toContain('BGP.next_hop: 10.78.0.1'));
  await stage.put('BGPPeer', 'tor', { spec: { peerIP: TOR, asNumber: 65000, nextHopMode: 'Self' } });
  await eventually(() => expect(hop()).toContain('BGP.next_hop: 10.78.0.2'));
  await stage.put('BGPPeer', 'tor', { spec: { peerIP: TOR, asNumber: 65000 } });
  await eventually(() => expect(hop()).toContain('BGP.next_hop: 10.78.0.1'));
});

test('a filter may ask by which interface a route leaves', async () => {
  const put = (name: string) =>
    stage.put('BGPFilter', 'links', { spec: { importV4: [{ action: 'Reject', interface: name }] } });
  await put('eno*');
  await stage.put('BGPPeer', 'tor', { spec: { peerIP: TOR, asNumber: 65000, filters: ['links'] } });
  await put('eth*');
  await eventually(() => expect(stage.learned('n1')).not.toContain(`203.0.113.0/24 via ${TOR}`));
  await put('eno*');
  await eventually(() => expect(stage.learned('n1')).toContain(`203.0.113.0/24 via ${TOR}`));
  await stage.put('BGPPeer', 'tor', { spec: { peerIP: TOR, asNumber: 65000, filters: [] } });
});

test('what two routers tell with link bandwidths goes both ways by weight in the kernel', async () => {
  // 25 MB/s by BIRD, as the extended community says it: IEEE 754 (draft-ietf-idr-link-bandwidth §2), of the kind that crosses ASes.
  bird.reconfigure(
    birdConfig(
      undefined,
      '',
      'route 198.51.100.0/24 blackhole { bgp_ext_community.add((generic, 0x0004fde8, 0x4bbebc20)); };',
    ),
  );
  const frr = await stage.startFrr('leaf', {
    bgpd: `
router bgp 65000
 bgp router-id 10.78.0.4
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.78.0.1 remote-as ${AS}
 neighbor 10.78.0.1 timers connect 1
 address-family ipv4 unicast
  network 198.51.100.0/24
  neighbor 10.78.0.1 route-map half out
 exit-address-family
exit
route-map half permit 10
 set extcommunity bandwidth 100
exit
`,
  });
  await stage.put('BGPPeer', 'leaf', { spec: { node: 'n1', peerIP: '10.78.0.4', asNumber: 65000 } });
  await eventually(() => {
    const route = stage.run('n1', 'ip', 'route', 'show', '198.51.100.0/24');
    expect(route).toMatch(/nexthop via 10\.78\.0\.3 dev eth0 weight 256/);
    expect(route).toMatch(/nexthop via 10\.78\.0\.4 dev eth0 weight 128/);
  }, 30_000);
  // FRR hears of the other node's block by the node that it has a session with, and which node it leads to.
  expect(frr.ask('show bgp ipv4 unicast 10.244.2.0/26 json')).toMatch(/"ip":"10\.78\.0\.2"/);
  must(await stage.client.delete(RESOURCES.BGPPeer, { name: 'leaf' }));
  await eventually(() => {
    expect(stage.run('n1', 'ip', 'route', 'show', '198.51.100.0/24')).toMatch(
      /^198\.51\.100\.0\/24 via 10\.78\.0\.3/,
    );
  });
  bird.reconfigure(birdConfig());
});

test('a claim that is pending is not told; one that goes is withdrawn everywhere', async () => {
  expect(bird.ask('show', 'route')).not.toContain('10.244.9.0/26');
  await stage.putBlock('n1', '10.244.9.0/26');
  await eventually(() => expect(stage.learned('n2')).toContain('10.244.9.0/26 via 10.78.0.1'));
  must(await stage.client.delete(RESOURCES.BlockAffinity, { name: 'n1-10-244-9-0-26' }));
  await eventually(() => {
    expect(stage.learned('n2')).not.toContain('10.244.9.0/26 via 10.78.0.1');
    expect(bird.ask('show', 'route')).not.toContain('10.244.9.0/26');
  });
});

test('ten thousand calls of a stranger, silent, slow, torn off or full of nonsense, disturb no session', async () => {
  const before = await stage.json('n1', '/v1/peers');
  const flood = `
const { connect } = require('node:net');
let left = 10000, done = 0, connected = 0;
const held = [];
const call = () => {
  if (left-- <= 0) return;
  const i = left, socket = connect(179, '10.78.0.1');
  let over = false;
  const next = () => { if (over) return; over = true; if (++done === 10000) process.exit(connected > 9000 ? 0 : 1); call(); };
  socket.on('error', next).on('close', next).on('connect', () => {
    connected++;
    if (i % 50 === 0) { held.push(socket); return setTimeout(next, 20); }
    if (i % 4 === 0) return socket.resetAndDestroy();
    socket.write(i % 4 === 1 ? Buffer.alloc(9, 255) : i % 4 === 2 ? Buffer.alloc(4096, i) : Buffer.from('GET / HTTP/1.1'));
    socket.end();
  });
};
for (let i = 0; i < 100; i++) call();`;
  stage.run('leaf', process.execPath, '-e', flood);
  const ups = (peers: readonly { id: string; state: string; established: number }[]) =>
    peers.map(({ id, state, established: times }) => [id, state, times]);
  expect(ups(await stage.json('n1', '/v1/peers'))).toEqual(ups(before));
});

test('a live node whose Node is deleted keeps the routes it still holds, and tells no more than those', async () => {
  await stage.putBlock('n2', '10.244.8.0/26');
  await eventually(() => expect(bird.ask('show', 'route')).toContain('10.244.8.0/26'));
  must(await stage.client.delete(RESOURCES.Node, { name: 'n2' }));
  must(await stage.client.delete(RESOURCES.BlockAffinity, { name: 'n2-10-244-8-0-26' }));
  await eventually(() => expect(bird.ask('show', 'route')).not.toContain('10.244.8.0/26'));
  expect(bird.ask('show', 'route', '10.244.2.0/26', 'primary')).toContain('via 10.78.0.2');
  await stage.putNode('n2', '10.78.0.2');
  await eventually(async () => {
    await established('n1', '10.78.0.2');
    expect(stage.learned('n1')).toContain('10.244.2.0/26 via 10.78.0.2');
  });
});

test('the node tells its sessions in BGPNodeStatus, and answers a CalicoNodeStatus', async () => {
  const spec = { node: 'n1', classes: ['Agent', 'BGP', 'Routes'], updatePeriodSeconds: 0 };
  await stage.put('CalicoNodeStatus', 'ask', { spec });
  await eventually(async () => {
    const own = await stage.client.raw({
      method: 'GET',
      path: '/apis/muslin.dev/v1alpha1/bgpnodestatuses/n1',
    });
    expect(must(own)).toMatchObject({
      status: {
        peersEstablished: 2,
        routerID: '10.78.0.1',
        conditions: [{ type: 'PeersConfigured', status: 'True' }],
      },
    });
    const answer = must(await stage.client.get(RESOURCES.CalicoNodeStatus, { name: 'ask' }));
    expect(answer).toMatchObject({
      status: {
        agent: { birdV4: { state: 'Ready', routerID: '10.78.0.1' } },
        bgp: { numberEstablishedV4: 2, numberNotEstablishedV4: 0 },
        routes: {
          routesV4: expect.arrayContaining([
            expect.objectContaining({ type: 'FIB', destination: '10.244.2.0/26', gateway: '10.78.0.2' }),
          ]),
        },
      },
    });
  });
});

describe('the socket', () => {
  test('explains a prefix, and shows what a peer told and was told', async () => {
    expect(await stage.json('n1', '/v1/explain?prefix=10.244.2.0/26')).toMatchObject({
      prefix: '10.244.2.0/26',
      winner: { peer: '10.78.0.2' },
    });
    const told = await stage.json('n1', `/v1/advertised?peer=${TOR}`);
    expect(told.map((route: { prefix: string }) => route.prefix)).toContain('10.244.1.0/26');
    const heard = await stage.json('n1', `/v1/received?peer=${TOR}`);
    expect(heard[0]).toMatchObject({ prefix: '203.0.113.0/24', attributes: { nextHop: { ip: TOR } } });
  });

  test('says what is wrong with a question', async () => {
    expect(await stage.ask('n1', '/v1/received?peer=192.0.2.1')).toMatchObject({
      code: 400,
      text: expect.stringContaining('10.78.0.2'),
    });
    expect((await stage.ask('n1', '/v1/explain?prefix=x')).code).toBe(400);
  });

  test('gives metrics for each peer', async () => {
    const { text } = await stage.ask('n1', '/metrics');
    expect(text).toContain(`muslin_bgp_peer_up{peer="${TOR}",type="GlobalPeer"} 1`);
    expect(text).toContain('muslin_bgp_peer_prefixes_accepted{peer="10.78.0.2",type="NodeMesh"} 1');
    expect(text).toContain('muslin_bgp_routes_refused 0');
  });
});

test('kill -9 leaves the kernel and the router as they were, and no other session falls', async () => {
  const other = await ups('n2', TOR);
  await end(first, 'SIGKILL');
  await new Promise(resolve => setTimeout(resolve, 500));
  expect(stage.learned('n1')).toEqual(['10.244.2.0/26 via 10.78.0.2', `203.0.113.0/24 via ${TOR}`]);
  expect(bird.ask('show', 'route', '10.244.1.0/26', 'primary')).toContain('via 10.78.0.1');
  expect(stage.learned('n2')).toContain('10.244.1.0/26 via 10.78.0.1');
  first = stage.startSpeaker('n1');
  await eventually(async () => {
    await established('n1', TOR);
    await established('n1', '10.78.0.2');
  }, 30_000);
  await eventually(async () => {
    expect(stage.learned('n1')).toEqual(['10.244.2.0/26 via 10.78.0.2', `203.0.113.0/24 via ${TOR}`]);
    expect((await stage.peer('n1', TOR)).prefixesAdvertised).toBeGreaterThan(0);
  });
  expect(await ups('n2', TOR)).toBe(other);
});

test('SIGTERM ends without a word: the kernel and the router keep the routes', async () => {
  await end(first, 'SIGTERM');
  expect(stage.learned('n1')).toEqual(['10.244.2.0/26 via 10.78.0.2', `203.0.113.0/24 via ${TOR}`]);
  expect(bird.ask('show', 'route', '10.244.1.0/26', 'primary')).toContain('via 10.78.0.1');
  // What went while we were away goes now, and what stayed has no gap.
  must(await stage.client.delete(RESOURCES.BlockAffinity, { name: 'n2-10-244-2-0-26' }));
  first = stage.startSpeaker('n1');
  await eventually(() => expect(stage.learned('n1')).toEqual([`203.0.113.0/24 via ${TOR}`]), 30_000);
  await stage.putBlock('n2', '10.244.2.0/26');
  await eventually(() => expect(stage.learned('n1')).toHaveLength(2));
});

describe('with a TCP-MD5 password', () => {
  test('that is missing, the session is down and says why, and the mesh stays', async () => {
    const mesh = await ups('n1', '10.78.0.2');
    const password = { secretKeyRef: { name: 'bgp', key: 'tor' } };
    await stage.put('BGPPeer', 'tor', { spec: { peerIP: TOR, asNumber: 65000, password } });
    await eventually(async () => {
      const peer = await stage.peer('n1', TOR);
      expect(peer.state).not.toBe('Established');
      expect(peer.lastError).toContain('Secret kube-system/bgp does not exist');
      const { conditions } = await stage.json('n1', '/v1/status');
      expect(conditions[0]).toMatchObject({ status: 'False', reason: 'PasswordMissing' });
    });
    expect(await ups('n1', '10.78.0.2')).toBe(mesh);
  });

  test('that the router lacks, no session comes up', async () => {
    await putPassword('right-one\n');
    await eventually(async () => {
      expect((await stage.json('n1', '/v1/status')).conditions[0].status).toBe('True');
    });
    await new Promise(resolve => setTimeout(resolve, 2500));
    expect((await stage.peer('n1', TOR)).state).not.toBe('Established');
    expect(bird.ask('show', 'protocols')).not.toContain('Established');
  });

  test('that both know, it comes up; a wrong one ends that', async () => {
    bird.reconfigure(birdConfig('right-one'));
    await eventually(async () => established('n1', TOR), 30_000);
    await eventually(() => expect(stage.learned('n1')).toContain(`203.0.113.0/24 via ${TOR}`));
    bird.reconfigure(birdConfig('wrong-one'));
    await eventually(async () => {
      expect((await stage.peer('n1', TOR)).state).not.toBe('Established');
    });
    await new Promise(resolve => setTimeout(resolve, 2500));
    expect((await stage.peer('n1', TOR)).state).not.toBe('Established');
  });

  test('that changes on both sides, it comes up again; the mesh never noticed', async () => {
    const mesh = await ups('n1', '10.78.0.2');
    await putPassword('wrong-one');
    await eventually(async () => established('n1', TOR), 30_000);
    expect(await ups('n1', '10.78.0.2')).toBe(mesh);
  });

  test('it is nowhere in the log', () => {
    expect(stage.logOf('n1.log')).not.toMatch(/right-one|wrong-one/);
  });
});

describe('without a password again', () => {
  beforeAll(async () => {
    await stage.put('BGPPeer', 'tor', { spec: { peerIP: TOR, asNumber: 65000 } });
    bird.reconfigure(birdConfig());
    await eventually(async () => established('n1', TOR), 30_000);
    await eventually(async () => established('n2', TOR), 30_000);
  });

  test('GTSM shuts out a peer whose packets may come from afar, and lets one in that proves to be near', async () => {
    await stage.put('BGPPeer', 'tor', { spec: { peerIP: TOR, asNumber: 65000, ttlSecurity: 1 } });
    await eventually(async () => expect((await stage.peer('n1', TOR)).state).not.toBe('Established'));
    await new Promise(resolve => setTimeout(resolve, 3000));
    expect((await stage.peer('n1', TOR)).state).not.toBe('Established');
    bird.reconfigure(birdConfig(undefined, 'ttl security on;'));
    await eventually(async () => established('n1', TOR), 30_000);
    await stage.put('BGPPeer', 'tor', { spec: { peerIP: TOR, asNumber: 65000 } });
    bird.reconfigure(birdConfig());
    await eventually(async () => established('n1', TOR), 30_000);
  });

  test('Services are told where they have endpoints, and withdrawn with the last one', async () => {
    const via = () => /192\.0\.2\.7\/32[^/]*?via (\S+)/.exec(bird.ask('show', 'route', 'primary'))?.[1];
    await stage.put('BGPConfiguration', 'default', {
      spec: { serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }] },
    });
    const spec = {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80 }],
      selector: { app: 'web' },
    };
    await stage.put('Service', 'web', { spec }, 'default');
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } };
    const at = { name: 'web', namespace: 'default' };
    must(
      await stage.client.patch(
        RESOURCES.Service,
        at,
        { type: 'merge', body: { status } },
        { subresource: 'status' },
      ),
    );
    const endpoint = (conditions: object) =>
      stage.put(
        'EndpointSlice',
        'web-by-hand',
        {
          metadata: { labels: { 'kubernetes.io/service-name': 'web' } },
          addressType: 'IPv4',
          endpoints: [{ addresses: ['10.244.2.9'], nodeName: 'n2', conditions }],
          ports: [{ port: 80, name: '' }],
        },
        'default',
      );
    await endpoint({ ready: true });
    await eventually(() => expect(via()).toBe('10.78.0.2'));
    expect(bird.ask('show', 'route', '192.0.2.0/24')).toContain('via 10.78.0.1');
    expect(stage.learned('n1')).not.toContain('192.0.2.7 via 10.78.0.2');
    await endpoint({ ready: false, serving: true, terminating: true });
    await new Promise(resolve => setTimeout(resolve, 500));
    expect(via()).toBe('10.78.0.2');
    await endpoint({ ready: false, serving: false, terminating: true });
    await eventually(() => expect(via()).toBeUndefined());
  });

  test('another port is listened on as soon as it is written down', async () => {
    const before = await ups('n1', '10.78.0.2');
    await stage.put('BGPConfiguration', 'default', { spec: { listenPort: 1179 } });
    await eventually(async () => {
      await established('n1', '10.78.0.2');
      expect(await ups('n1', '10.78.0.2')).toBeGreaterThan(before);
    }, 30_000);
    expect(stage.run('n2', 'cat', '/proc/net/tcp')).toContain(':049B 00000000:0000 0A');
    expect(stage.run('n2', 'cat', '/proc/net/tcp')).not.toContain(':00B3 00000000:0000 0A');
    expect((await stage.peer('n1', TOR)).state).toBe('Established');
  });

  test('a password that changes goes onto the running session: it waits for the other side, and goes on', async () => {
    const put = (key: string, value: string) =>
      stage.put('Secret', key, { data: { k: Buffer.from(value).toString('base64') } }, 'kube-system');
    const towards = (node: string, address: string, secret: string) =>
      stage.put('BGPPeer', `from-${node}`, {
        spec: {
          node,
          peerIP: address,
          asNumber: AS,
          password: { secretKeyRef: { name: secret, key: 'k' } },
        },
      });
    await stage.put('BGPConfiguration', 'default', { spec: {} });
    await put('near', 'first');
    await put('far', 'first');
    await towards('n1', '10.78.0.2', 'near');
    await towards('n2', '10.78.0.1', 'far');
    await eventually(async () => {
      expect(await stage.peer('n1', '10.78.0.2')).toMatchObject({ state: 'Established', type: 'NodePeer' });
      expect(await stage.peer('n2', '10.78.0.1')).toMatchObject({ state: 'Established', type: 'NodePeer' });
    }, 60_000);
    await new Promise(resolve => setTimeout(resolve, 1500));
    const [here, there] = [await ups('n1', '10.78.0.2'), await ups('n2', '10.78.0.1')];
    await put('near', 'second');
    await new Promise(resolve => setTimeout(resolve, 500));
    await stage.putBlock('n2', '10.244.21.0/26');
    await new Promise(resolve => setTimeout(resolve, 1500));
    expect(stage.learned('n1')).not.toContain('10.244.21.0/26 via 10.78.0.2');
    await put('far', 'second');
    await eventually(() => expect(stage.learned('n1')).toContain('10.244.21.0/26 via 10.78.0.2'), 30_000);
    expect(await ups('n1', '10.78.0.2')).toBe(here);
    expect(await ups('n2', '10.78.0.1')).toBe(there);
    for (const name of ['from-n1', 'from-n2']) must(await stage.client.delete(RESOURCES.BGPPeer, { name }));
  });

  test('a password of the mesh changes without a gap: it goes onto running sessions', async () => {
    await putPassword('first');
    const mesh = { secretKeyRef: { name: 'bgp', key: 'tor' } };
    const earlier = await ups('n1', '10.78.0.2');
    await stage.put('BGPConfiguration', 'default', { spec: { nodeMeshPassword: mesh } });
    await eventually(async () => {
      await established('n1', '10.78.0.2');
      expect(await ups('n1', '10.78.0.2')).toBeGreaterThan(earlier);
    }, 60_000);
    await eventually(async () => established('n2', '10.78.0.1'));
    await new Promise(resolve => setTimeout(resolve, 1500));
    const [now, there] = [await ups('n1', '10.78.0.2'), await ups('n2', '10.78.0.1')];
    await putPassword('second');
    await new Promise(resolve => setTimeout(resolve, 500));
    await stage.putBlock('n2', '10.244.20.0/26');
    await eventually(() => expect(stage.learned('n1')).toContain('10.244.20.0/26 via 10.78.0.2'));
    expect(await ups('n1', '10.78.0.2')).toBe(now);
    expect(await ups('n2', '10.78.0.1')).toBe(there);
  });
});
