import { mustIp } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { desiredSpeaker } from '../src/core/desired-speaker.ts';
import { type Heard, NOTHING_HEARD } from '../src/core/heard.ts';
import { peersOf } from '../src/core/peers-of.ts';
import { claim, filter, node, object, peer, storeOf } from './facts.ts';

const policy = (name: string, spec: object) => object('BGPPeerPolicy', name, spec);
const n1 = node('n1', ['10.0.0.1'], { labels: { rack: 'a' } });
const tor = peer('tor', { peerIP: '192.0.2.1', asNumber: 65001 });

function made(objects: Parameters<typeof storeOf>[0], heard: Heard = NOTHING_HEARD) {
  const store = storeOf(objects);
  const { peers, ranges, problems } = peersOf(store.facts, 'n1', heard);
  return { peers, ranges, problems: [...store.problems('n1'), ...problems] };
}
const reasons = (result: ReturnType<typeof made>) => result.problems.map(({ reason }) => reason);

describe('a BGPPeerPolicy', () => {
  test('shapes the sessions that it selects by name, by label or as mesh, and no others', () => {
    const objects = [
      n1,
      node('n2', ['10.0.0.2']),
      tor,
      {
        ...peer('spine', { peerIP: '192.0.2.2', asNumber: 65002 }),
        metadata: { name: 'spine', labels: { layer: '2' } },
      },
      peer('other', { peerIP: '192.0.2.3', asNumber: 65003 }),
      policy('a', { peerNames: ['tor'], holdTimeSeconds: 9 }),
      policy('b', { peerSelector: "layer == '2'", holdTimeSeconds: 12 }),
      policy('c', { nodeMesh: true, holdTimeSeconds: 15 }),
    ];
    const holds = [...made(objects).peers].map(([id, { config }]) => [id, config.holdTime]);
    expect(Object.fromEntries(holds)).toEqual({
      '192.0.2.1': 9,
      '192.0.2.2': 12,
      '192.0.2.3': undefined,
      '10.0.0.2': 15,
    });
  });

  test('counts only on the nodes that it selects', () => {
    const of = (nodeSelector: string) =>
      made([n1, tor, policy('a', { nodeSelector, peerNames: ['tor'], addPath: 'Both' })]).peers.get(
        '192.0.2.1',
      )?.config.addPath;
    expect(of("rack == 'a'")).toEqual({ receive: true, send: true });
    expect(of("rack == 'b'")).toBeUndefined();
  });

  test('says what the library can and a BGPPeer has no field for', () => {
    const { peers, problems } = made([
      n1,
      peer('tor', { peerIP: '192.0.2.1', asNumber: 65001, localASNumber: 64999 }),
      policy('a', {
        peerNames: ['tor'],
        ...{ role: 'Customer', strictRole: true, localASPrepend: 'Outbound', enforceFirstAS: false },
        ...{ passive: true, sendHoldTimeSeconds: 0, shutdown: { message: 'new line card' } },
      }),
    ]);
    expect(problems).toEqual([]);
    expect(peers.get('192.0.2.1')?.config).toMatchObject({
      ...{ role: 'customer', strictRole: true, localAs: 64999, localAsPrepend: { outbound: true } },
      ...{ enforceFirstAs: false, passive: true, sendHoldTime: 0 },
      ...{ enabled: false, shutdownText: 'new line card' },
    });
  });

  test('that speaks of another AS number than ours needs one', () => {
    const result = made([n1, tor, policy('a', { peerNames: ['tor'], localASPrepend: 'Both' })]);
    expect(result.problems.map(({ message }) => message)).toEqual([
      'localASPrepend Both needs localASNumber: on the session with 192.0.2.1 we show our own number',
    ]);
    expect(result.peers.get('192.0.2.1')?.config).not.toHaveProperty('localAsPrepend');
  });

  test('of several, the lower order counts, field by field', () => {
    const { peers } = made([
      n1,
      tor,
      policy('z', { order: 1, peerNames: ['tor'], holdTimeSeconds: 9 }),
      policy('a', { order: 2, peerNames: ['tor'], holdTimeSeconds: 30, connectRetryTimeSeconds: 2 }),
      policy('b', { order: 2, peerNames: ['tor'], connectRetryTimeSeconds: 3 }),
    ]);
    expect(peers.get('192.0.2.1')?.config).toMatchObject({ holdTime: 9, connectRetryTime: 2 });
  });

  test('says all that a session can be told', () => {
    const { peers, problems } = made([
      n1,
      tor,
      policy('a', {
        peerNames: ['tor'],
        keepaliveTimeSeconds: 2,
        bfd: { intervalMilliseconds: 50, detectMultiplier: 4, multihop: true, minimumTTL: 250 },
        prefixLimits: [
          { family: 'IPv4', most: 7, action: 'Discard' },
          { family: 'IPv6', most: 8, restartAfterSeconds: 60 },
        ],
        clientToClientReflection: false,
        gracefulShutdown: true,
        longLivedRestartSeconds: 3600,
        ttlSecurityHops: 2,
        role: 'RouteServerClient',
      }),
    ]);
    expect(problems).toEqual([]);
    const found = peers.get('192.0.2.1');
    expect(found?.config).toMatchObject({
      keepaliveTime: 2,
      prefixLimit: {
        'ipv4-unicast': { most: 7, discard: true },
        'ipv6-unicast': { most: 8, restartAfter: 60 },
      },
      clientToClient: false,
      gracefulShutdown: true,
      longLivedTime: 3600,
      transport: { ttlSecurityHops: 2 },
      role: 'rs-client',
    });
    expect(found?.bfd).toEqual({
      peer: mustIp('192.0.2.1'),
      local: mustIp('10.0.0.1'),
      multihop: true,
      minimumTtl: 250,
      transmitInterval: 50,
      receiveInterval: 50,
      detectMultiplier: 4,
    });
  });

  test('lets a password sign by TCP-AO, and says when there is no password', () => {
    const password = { secretKeyRef: { name: 'bgp', key: 'tor' } };
    const signed = peer('tor', { peerIP: '192.0.2.1', asNumber: 65001, password });
    const of = (tors: typeof signed) =>
      made([n1, tors, policy('a', { peerNames: ['tor'], authentication: 'TCPAO' })]);
    expect(of(signed).peers.get('192.0.2.1')?.config.transport).toMatchObject({ auth: 'tcp-ao' });
    const plain = of(tor);
    expect(plain.peers.get('192.0.2.1')?.config.transport).not.toHaveProperty('auth');
    expect(plain.problems.map(({ message }) => message)).toEqual([
      'authentication TCPAO needs a password: 192.0.2.1 has none, and its session is not signed',
    ]);
  });

  test('gives way to what the BGPPeer itself says', () => {
    const own = peer('tor', { peerIP: '192.0.2.1', asNumber: 65001, keepaliveTime: '5s', ttlSecurity: 1 });
    const { peers } = made([
      n1,
      own,
      policy('a', { peerNames: ['tor'], keepaliveTimeSeconds: 2, ttlSecurityHops: 9 }),
    ]);
    expect(peers.get('192.0.2.1')?.config).toMatchObject({
      keepaliveTime: 5,
      transport: { ttlSecurityHops: 1 },
    });
  });

  test('that no schema can refuse is told: a missing peer, keepalives too slow, a role inside the AS', () => {
    const inside = peer('tor', { peerIP: '192.0.2.1', asNumber: 64512, keepaliveTime: '10s' });
    const result = made([
      n1,
      inside,
      policy('a', { peerNames: ['tor', 'gone'], holdTimeSeconds: 9, role: 'Peer' }),
    ]);
    expect(reasons(result).sort()).toEqual(['Invalid', 'Invalid', 'PeerMissing']);
    expect(result.peers.get('192.0.2.1')?.config).toMatchObject({ holdTime: 9, keepaliveTime: 3 });
    expect(result.peers.get('192.0.2.1')?.config.role).toBeUndefined();
  });

  test('that becomes nonsense keeps its last good meaning, and is told', () => {
    const store = storeOf([n1, tor, policy('a', { peerNames: ['tor'], holdTimeSeconds: 9 })]);
    store.set(policy('a', { peerNames: ['tor'], holdTimeSeconds: 2 }), false);
    expect(peersOf(store.facts, 'n1').peers.get('192.0.2.1')?.config.holdTime).toBe(9);
    expect(store.problems('n1').map(({ message }) => message)).toEqual([
      'spec.holdTimeSeconds must be 0 or at least 3; its last valid form stays in effect',
    ]);
  });
});

describe('peers that nobody named', () => {
  const range = policy('racks', {
    listenRanges: [
      { cidr: '192.0.2.0/24', asNumbers: [65001, 65002], most: 2, filters: ['f'] },
      { cidr: '192.0.2.128/25', remoteAS: 'External' },
    ],
    holdTimeSeconds: 9,
  });
  const calling = (...ips: readonly string[]): Heard => ({
    ...NOTHING_HEARD,
    callers: new Map(ips.map(ip => [ip, { ip: mustIp(ip) }])),
  });

  test('call from a range and get its treatment, the narrowest one first', () => {
    const { peers, ranges } = made(
      [n1, range, filter('f', {})],
      calling('192.0.2.7', '192.0.2.200', '198.51.100.1'),
    );
    expect(ranges.map(({ cidr, most }) => [cidr.length, most])).toEqual([
      [25, 100],
      [24, 2],
    ]);
    expect([...peers.keys()].sort()).toEqual(['192.0.2.200', '192.0.2.7']);
    expect(peers.get('192.0.2.7')?.config).toMatchObject({
      remoteAs: [65001, 65002],
      passive: true,
      holdTime: 9,
    });
    expect(peers.get('192.0.2.200')?.config.remoteAs).toBe('external');
  });

  test('a BGPPeer with the same address counts more', () => {
    const { peers } = made(
      [n1, range, peer('tor', { peerIP: '192.0.2.7', asNumber: 65009 })],
      calling('192.0.2.7'),
    );
    expect(peers.get('192.0.2.7')?.config.remoteAs).toBe(65009);
  });

  test('a filter that is missing closes their sessions and is told', () => {
    const result = made([n1, range], calling('192.0.2.7'));
    expect(reasons(result)).toEqual(['FilterMissing']);
    expect(result.peers.get('192.0.2.7')?.config.importPolicy).toEqual({ rules: [], otherwise: 'reject' });
  });

  test('a range whose password is not known takes no calls', () => {
    const store = storeOf([
      n1,
      policy('p', {
        listenRanges: [
          {
            cidr: '192.0.2.0/24',
            remoteAS: 'External',
            password: { secretKeyRef: { name: 's', key: 'k' } },
          },
        ],
      }),
    ]);
    expect(peersOf(store.facts, 'n1').ranges).toEqual([]);
    store.setPasswords(new Map([['s/k', { state: 'known' }]]));
    expect(peersOf(store.facts, 'n1').ranges).toMatchObject([{ passwordKey: 's/k' }]);
  });

  test('the router of an interface is told of until it is heard, and then has a session by its link', () => {
    const unnumbered = policy('u', { interfaces: [{ name: 'eth0', remoteAS: 'External' }] });
    expect(reasons(made([n1, unnumbered]))).toEqual(['NobodyHeard']);
    const { peers, problems } = made([n1, unnumbered], {
      ...NOTHING_HEARD,
      routers: new Map([['eth0', mustIp('fe80::9') as never]]),
    });
    expect(problems).toEqual([]);
    expect(peers.get('fe80::9%eth0')?.config).toMatchObject({
      remoteIp: mustIp('fe80::9'),
      remoteAs: 'external',
      nextHopSelf: {},
      transport: { interface: 'eth0' },
    });
  });
});

test('a node that leaves has no route to tell, and its sessions are down with the words that it was given', () => {
  const annotations = { 'muslin.dev/drain': 'leave', 'muslin.dev/drain-message': 'rack moves' };
  const facts = storeOf([
    { ...n1, metadata: { name: 'n1', annotations } as never },
    tor,
    claim('n1', '10.244.1.0/26'),
  ]).facts;
  const desired = desiredSpeaker(facts, 'n1');
  expect(desired?.advertisements).toEqual([]);
  const configs = [...(desired?.peers.values() ?? [])].map(({ config }) => config);
  expect(configs).toMatchObject([{ enabled: false, shutdownText: 'rack moves' }]);
});

test('a node that is drained tells all its sessions that it is about to go', () => {
  const drained = { ...n1, metadata: { name: 'n1', annotations: { 'muslin.dev/drain': 'true' } } };
  const { peers } = made([drained, tor, node('n2', ['10.0.0.2'])]);
  expect([...peers.values()].map(({ config }) => config.gracefulShutdown)).toEqual([true, true]);
  expect(made([n1, tor]).peers.get('192.0.2.1')?.config.gracefulShutdown).toBeUndefined();
});
