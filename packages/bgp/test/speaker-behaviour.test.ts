import { formatPrefix, type Ip4, mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { KEEPALIVE, type Output, Speaker } from '../src/index.ts';
import { BytePeer } from './byte-peer.ts';
import { VirtualNet } from './virtual-net.ts';

const id = (text: string) => mustIp(text) as Ip4;

/** A second peer of the same speaker. */
function second(speaker: Speaker, n: number, remoteAs: number, config: object = {}): BytePeer {
  const ip = `10.0.0.${n}`;
  const peer = new BytePeer({ id: `p${n}`, remoteIp: mustIp(ip), remoteAs, ...config }, {}, speaker);
  peer.open({ asNumber: remoteAs, id: ip });
  peer.say(KEEPALIVE);
  peer.sent.length = 0;
  return peer;
}

const updates = (peer: BytePeer) => peer.sent.filter(m => m.kind === 'update');

describe('route reflection (RFC 4456)', () => {
  test('§8: a client route goes to clients and others, with ORIGINATOR_ID and CLUSTER_LIST', () => {
    const client = new BytePeer(
      { remoteAs: 65000, routeReflectorClient: true },
      { clusterId: id('9.9.9.9') },
    ).establish({ asNumber: 65000 });
    const other = second(client.speaker, 3, 65000);
    client.announce('192.0.2.0/24', []);
    expect(client.speaker.advertised('p3')).toMatchObject([
      { attributes: { originatorId: id('10.0.0.2'), clusterList: [id('9.9.9.9')], localPref: 100 } },
    ]);
    expect(client.speaker.advertised('probe')).toEqual([]);
    expect(other.state).toBe('Established');
  });

  test('a peer that becomes a client has its routes reflected, without a new session', () => {
    const peer = new BytePeer({ remoteAs: 65000 }).establish({ asNumber: 65000 });
    const { speaker } = peer;
    second(speaker, 3, 65000);
    peer.announce('192.0.2.0/24', []);
    expect(speaker.advertised('p3')).toEqual([]);
    const config = {
      id: 'probe',
      remoteIp: mustIp('10.0.0.2'),
      remoteAs: 65000,
      passive: true,
      gracefulRestartTime: 0,
    };
    peer.take(speaker.setPeer({ ...config, routeReflectorClient: true }));
    expect(speaker.advertised('p3')).toHaveLength(1);
    peer.take(speaker.setPeer(config));
    expect(speaker.advertised('p3')).toEqual([]);
    expect(speaker.peers()[0]).toMatchObject({ state: 'Established', established: 1 });
  });

  test('a client that hears other clients itself is told the rest, on a running session, whatever the attributes (§6)', () => {
    const client = { routeReflectorClient: true };
    const probe = {
      id: 'probe',
      remoteIp: mustIp('10.0.0.2'),
      remoteAs: 65000,
      passive: true,
      gracefulRestartTime: 0,
    };
    const peer = new BytePeer({ ...probe, ...client }).establish({ asNumber: 65000 });
    const { speaker } = peer;
    second(speaker, 3, 65000, client);
    peer.announce('192.0.2.0/24', []);
    peer.announce('198.51.100.0/24', [], { communities: [1] });
    speaker.originate(mustPrefix('203.0.113.0/24'));
    const told = () => speaker.advertised('p3').map(route => formatPrefix(route.prefix));
    expect(told()).toHaveLength(3);
    const set = (more: object) =>
      speaker.setPeer({ ...probe, ...client, id: 'p3', remoteIp: mustIp('10.0.0.3'), ...more });
    set({ clientToClient: false });
    expect(told()).toEqual(['203.0.113.0/24']);
    expect(speaker.explain(mustPrefix('192.0.2.0/24')).withheld).toContainEqual({
      ...{ peer: 'p3', because: 'client-to-client' },
    });
    peer.take(speaker.setPeer({ ...probe, routeReflectorClient: false }));
    expect(told()).toHaveLength(3);
    expect(speaker.peer('p3')).toMatchObject({ state: 'Established', established: 1 });
  });

  test('§8: a non-client route does not go to another non-client, and says so', () => {
    const peer = new BytePeer({ remoteAs: 65000 }).establish({ asNumber: 65000 });
    second(peer.speaker, 3, 65000);
    peer.announce('192.0.2.0/24', []);
    expect(peer.speaker.advertised('p3')).toEqual([]);
    expect(peer.speaker.explain(mustPrefix('192.0.2.0/24')).withheld).toContainEqual({
      peer: 'p3',
      because: 'internal-to-internal',
    });
  });
});

describe('packing (RFC 4271 §9.2)', () => {
  test('routes that share attributes share messages, up to the largest size', () => {
    const peer = new BytePeer().establish();
    const origins = (n: number) =>
      Array.from({ length: n }, (_, i) => mustPrefix(`10.${i >> 8}.${i & 255}.0/24`));
    for (const prefix of origins(3000)) peer.speaker.originate(prefix);
    const late = second(peer.speaker, 3, 65002);
    peer.take([]);
    late.sent.length = 0;
    late.take(peer.speaker.handle({ kind: 'bytes', connection: late.connection, bytes: refresh }, 0));
    // 3000 routes of 4 octets, at most 4096 octets a message.
    expect(updates(late)).toHaveLength(3);
  });

  test('peers that are treated alike get the same bytes', () => {
    const first = new BytePeer().establish();
    const a = second(first.speaker, 3, 65002);
    const b = second(first.speaker, 4, 65003);
    const outputs: Output[] = first.speaker.originate(mustPrefix('10.9.0.0/16'));
    const sends = outputs.filter(o => o.kind === 'send');
    expect(sends).toHaveLength(3);
    expect(new Set(sends.map(o => o.bytes)).size).toBe(1);
    expect([a.state, b.state]).toEqual(['Established', 'Established']);
  });
});

const refresh = Uint8Array.from([...new Array(16).fill(0xff), 0, 23, 5, 0, 1, 0, 1]);

describe('back-pressure', () => {
  test('a peer that does not read costs no memory beyond its queue, and gets the present state when it reads again', () => {
    const feeder = new BytePeer({ keepaliveTime: 1 }).establish();
    const { speaker } = feeder;
    const slow = second(speaker, 3, 65002);
    const backlog = (bytes: number) =>
      slow.take(speaker.handle({ kind: 'backlog', connection: slow.connection, bytes }, 0));
    backlog(2 << 20);
    for (let round = 0; round < 50; round++) {
      slow.take(speaker.originate(mustPrefix('10.9.0.0/16'), { med: round }));
    }
    slow.take(speaker.originate(mustPrefix('10.8.0.0/16')));
    slow.take(speaker.withdraw(mustPrefix('10.8.0.0/16')));
    expect(updates(slow)).toEqual([]);
    expect(speaker.peers()[1]?.families[0]).toMatchObject({ queued: 2 });
    // Keepalives still go out.
    slow.take(speaker.handle({ kind: 'timer', id: 'first/keepalive/p3' }, 30_000));
    expect(slow.sent).toEqual([KEEPALIVE]);
    backlog(0);
    expect(updates(slow)).toHaveLength(1);
    expect(updates(slow)[0]).toMatchObject({ attributes: { med: 49 } });
  });

  test('a big table is produced in pieces as the peer reads', () => {
    const feeder = new BytePeer().establish();
    const { speaker } = feeder;
    for (let i = 0; i < 60_000; i++) {
      speaker.originate(mustPrefix(`10.${i >> 8}.${i & 255}.0/24`), { med: i });
    }
    const slow = second(speaker, 3, 65002);
    let pieces = 0;
    let total = 0;
    for (; pieces < 20; pieces++) {
      const outputs = slow.take(
        speaker.handle({ kind: 'backlog', connection: slow.connection, bytes: 0 }, 0),
      );
      const bytes = outputs.reduce((n, o) => n + (o.kind === 'send' ? o.bytes.length : 0), 0);
      expect(bytes).toBeLessThan(2 << 20);
      total += bytes;
      if (bytes === 0) break;
    }
    expect(pieces).toBeGreaterThan(1);
    expect(total).toBeGreaterThan(2 << 20);
    expect(speaker.peers()[1]?.families[0]).toMatchObject({ advertised: 60_000, queued: 0 });
  });
});

describe('colliding connections (RFC 4271 §6.8)', () => {
  test.each([0, 1, 2, 5, 20])(
    'with %i ms between the calls one session survives, and only one was ever established',
    gap => {
      const net = new VirtualNet();
      const a = net.add('a', '10.0.0.1', { asNumber: 1, routerId: id('10.0.0.1') });
      const b = net.add('b', '10.0.0.2', { asNumber: 2, routerId: id('10.0.0.2') });
      net.delay = from => (from === a ? 3 : 2);
      net.point(b, a);
      // b's first call fails; the next one meets a's.
      net.run(10);
      net.point(a, b);
      net.run(gap);
      net.run(20_000);
      for (const host of [a, b]) {
        expect(host.speaker.peers()[0]).toMatchObject({ state: 'Established', established: 1 });
      }
    },
  );

  test('many pairs that call each other at once all come up', () => {
    const net = new VirtualNet();
    net.delay = (from, to) => 1 + ((from.name.length + to.name.length * 3) % 4);
    const hosts = Array.from({ length: 30 }, (_, i) => {
      const ip = `10.0.1.${i + 1}`;
      return net.add('h'.repeat(i + 1), ip, { asNumber: 64512, routerId: id(ip) });
    });
    hosts.forEach((host, i) => {
      for (const other of hosts.slice(i + 1))
        net.link(host, other, { remoteAs: 'internal' }, { remoteAs: 'internal' });
    });
    net.run(15_000);
    const states = hosts.flatMap(h => h.speaker.peers().map(p => p.state));
    expect(states).toHaveLength(30 * 29);
    expect(new Set(states)).toEqual(new Set(['Established']));
  });
});

describe('the speaker as a function', () => {
  test('gives the same outputs for the same inputs', () => {
    const run = () => {
      const peer = new BytePeer({}, { seed: 7 }).establish();
      peer.announce('10.1.0.0/16');
      peer.take(peer.speaker.originate(mustPrefix('10.9.0.0/16')));
      return JSON.stringify(peer.outputs.map(o => (o.kind === 'send' ? { ...o, bytes: [...o.bytes] } : o)));
    };
    expect(run()).toBe(run());
  });

  test('shares traffic over equal ways, weighted by link bandwidth when all tell it', () => {
    const first = new BytePeer().establish();
    const other = second(first.speaker, 3, 65002);
    first.announce('192.0.2.0/24', [65001], { extendedCommunities: [[0x4004fde9, 0x4e6e6b28]] });
    const before = other.outputs.length;
    other.announce('192.0.2.0/24', [65002], {
      nextHop: { ip: mustIp('10.0.0.3') },
      extendedCommunities: [[0x4004fdea, 0x4dee6b28]],
    });
    const changes = other.outputs.slice(before);
    expect(changes.find(o => o.kind === 'bestChanged')).toMatchObject({
      source: 'ebgp',
      nextHops: [
        { ip: mustIp('10.0.0.2'), peer: 'probe', weight: 256 },
        { ip: mustIp('10.0.0.3'), peer: 'p3', weight: 128 },
      ],
    });
  });

  test('forgets everything about a removed peer', () => {
    const speaker = new Speaker({ asNumber: 1, routerId: id('1.1.1.1') });
    const set = new Set<string>();
    const note = (outputs: readonly Output[]) => {
      for (const o of outputs) {
        if (o.kind === 'setTimer') set.add(o.id);
        if (o.kind === 'clearTimer') set.delete(o.id);
      }
    };
    note(speaker.setPeer({ id: 'x', remoteIp: mustIp('10.0.0.2'), remoteAs: 2 }));
    note(speaker.removePeer('x'));
    expect([...set]).toEqual([]);
    expect(
      speaker.handle({ kind: 'connected', connection: 'out-1', localIp: mustIp('10.0.0.1') }, 0),
    ).toEqual([]);
  });
});

describe('a changed configuration', () => {
  const world = (config: object = {}) => {
    const net = new VirtualNet();
    const a = net.add('a', '10.0.0.1', { asNumber: 1, routerId: id('10.0.0.1') });
    const b = net.add('b', '10.0.0.2', { asNumber: 2, routerId: id('10.0.0.2') });
    net.link(a, b, { gracefulRestartTime: 0, ...config }, { gracefulRestartTime: 0 });
    net.perform(b, b.speaker.originate(mustPrefix('10.1.0.0/16')));
    net.perform(b, b.speaker.originate(mustPrefix('10.2.0.0/16')));
    net.run(5000);
    const peer = () => a.speaker.peers()[0];
    return { net, a, b, peer };
  };

  test('of what was negotiated makes a new session at once', () => {
    const { net, a, b, peer } = world();
    net.point(a, b, { gracefulRestartTime: 0, holdTime: 30 });
    expect(peer()).toMatchObject({ state: 'Idle', lastError: 'the configuration changed' });
    net.run(5000);
    expect(peer()).toMatchObject({ state: 'Established', holdTime: 30, established: 2 });
    expect(b.speaker.peers()[0]?.lastError).toMatch(/Other Configuration Change/);
  });

  test('to disabled and back ends the session and starts it again', () => {
    const { net, a, b, peer } = world();
    net.point(a, b, { gracefulRestartTime: 0, enabled: false, shutdownText: 'drain' });
    net.run(120_000);
    expect(peer()).toMatchObject({ state: 'Idle', lastError: 'shut down by the operator: drain' });
    expect(a.fib.size).toBe(0);
    net.point(a, b, { gracefulRestartTime: 0 });
    net.run(70_000);
    expect(peer()).toMatchObject({ state: 'Established' });
    expect(a.fib.size).toBe(2);
  });

  const most = (restart: object = {}) => ({
    prefixLimit: { 'ipv4-unicast': { most: 1, ...restart } },
    passive: true,
  });

  test('after too many prefixes the session comes back when it was said to, not before', () => {
    const { net, a, peer } = world(most({ restartAfter: 300 }));
    expect(peer()).toMatchObject({ state: 'Idle', established: 1 });
    expect(a.fib.size).toBe(0);
    net.run(290_000);
    expect(peer()).toMatchObject({ state: 'Idle', established: 1 });
    net.run(80_000);
    expect(peer()).toMatchObject({
      established: 2,
      lastError: 'the peer sent 2 ipv4-unicast routes, 1 are allowed',
    });
  });

  test('after too many prefixes it needs an operator otherwise, who raises the limit', () => {
    const { net, a, b, peer } = world(most());
    net.run(3_600_000);
    expect(peer()).toMatchObject({ state: 'Idle', established: 1 });
    net.point(a, b, { gracefulRestartTime: 0, ...most({ most: 10 }) });
    net.run(70_000);
    expect(peer()).toMatchObject({ state: 'Established', established: 2 });
    expect(a.fib.size).toBe(2);
  });

  test('of the peer address finds the peer at its new place', () => {
    const { net, a, b, peer } = world();
    const c = net.add('c', '10.0.0.3', { asNumber: 3, routerId: id('10.0.0.3') });
    net.perform(a, a.speaker.setPeer({ id: b.name, remoteIp: c.ip, remoteAs: 3 }, net.now));
    net.point(c, a);
    net.run(10_000);
    expect(peer()).toMatchObject({ state: 'Established', remoteAs: 3 });
    expect(a.speaker.peerAt(b.ip)).toBeUndefined();
  });

  test('that removes a peer takes its routes away', () => {
    const { net, a, b, peer } = world();
    net.perform(a, a.speaker.removePeer(b.name));
    net.run(100);
    expect(a.fib.size).toBe(0);
    expect(peer()).toBeUndefined();
  });
});

describe('a link-local session (RFC 2545 §3, RFC 8950)', () => {
  test('sends its link-local address beside the global one, and carries IPv4 over it', () => {
    const net = new VirtualNet();
    const a = net.add('a', 'fe80::1', { asNumber: 1, routerId: id('10.0.0.1') });
    const b = net.add('b', 'fe80::2', { asNumber: 2, routerId: id('10.0.0.2') });
    net.link(a, b, { nextHopSelf: { ipv6: mustIp('fd00::1') as never } });
    net.perform(a, a.speaker.originate(mustPrefix('fd00:1::/64')));
    net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
    net.run(5000);
    const hops = b.log.flatMap(o => (o.kind === 'bestChanged' ? o.nextHops : []));
    expect(hops).toHaveLength(2);
    for (const hop of hops)
      expect(hop).toMatchObject({ ip: mustIp('fd00::1'), linkLocal: mustIp('fe80::1') });
  });
});

describe('an own route', () => {
  test('carries extended communities, of which only transitive ones cross the border (RFC 4360 §2)', () => {
    const net = new VirtualNet();
    const a = net.add('a', '10.0.0.1', { asNumber: 1, routerId: id('10.0.0.1') });
    const b = net.add('b', '10.0.0.2', { asNumber: 2, routerId: id('10.0.0.2') });
    const c = net.add('c', '10.0.0.3', { asNumber: 1, routerId: id('10.0.0.3') });
    net.link(a, b);
    net.link(a, c, { remoteAs: 'internal' }, { remoteAs: 'internal' });
    const [target, local] = [
      [0x00020001, 7],
      [0x40040001, 0],
    ] as const;
    net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24'), { extendedCommunities: [target, local] }));
    net.run(5000);
    const seen = (host: typeof a) => host.speaker.routes('ipv4-unicast')[0]?.attributes.extendedCommunities;
    expect(seen(b)).toEqual([target]);
    expect(seen(c)).toEqual([target, local]);
  });
});

describe('counts of messages', () => {
  test('of one side are those of the other, UPDATEs and route refreshes included', () => {
    const net = new VirtualNet();
    const a = net.add('a', '10.0.0.1', { asNumber: 1, routerId: id('10.0.0.1') });
    const b = net.add('b', '10.0.0.2', { asNumber: 2, routerId: id('10.0.0.2') });
    net.link(a, b);
    for (let i = 0; i < 3000; i++)
      net.perform(a, a.speaker.originate(mustPrefix(`10.${i >> 8}.${i & 255}.0/24`), { med: i % 7 }));
    net.run(5000);
    net.perform(b, b.speaker.requestRefresh('a', 'ipv4-unicast'));
    net.run(1000);
    const [out, into] = [a.speaker.peers()[0]?.messagesOut, b.speaker.peers()[0]?.messagesIn];
    expect(out?.update).toBeGreaterThan(14);
    expect(out).toMatchObject({ 'route-refresh': 2, update: into?.update });
    expect(into?.['route-refresh']).toBe(2);
    expect(b.speaker.peers()[0]?.messagesOut['route-refresh']).toBe(1);
  });
});
