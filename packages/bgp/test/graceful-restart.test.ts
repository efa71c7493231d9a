import { type Ip4, mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import type { PeerConfig, SpeakerOptions } from '../src/index.ts';
import { type Host, VirtualNet } from './virtual-net.ts';

const optionsOf = (ip: string, asNumber: number): SpeakerOptions => ({
  asNumber,
  routerId: mustIp(ip) as Ip4,
});

function pair(configA: Partial<PeerConfig> = {}, configB: Partial<PeerConfig> = {}) {
  const net = new VirtualNet();
  const a = net.add('a', '10.0.0.1', optionsOf('10.0.0.1', 64512));
  const b = net.add('b', '10.0.0.2', optionsOf('10.0.0.2', 64513));
  net.link(a, b, configA, configB);
  net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
  net.perform(a, a.speaker.originate(mustPrefix('10.2.0.0/24')));
  net.perform(b, b.speaker.originate(mustPrefix('10.9.0.0/24')));
  net.run(5000);
  expect([...b.fib.keys()]).toEqual(expect.arrayContaining(['10.1.0.0/24', '10.2.0.0/24']));
  return { net, a, b };
}

/** Whether the host ever took a route away since it was last asked. */
function removals(host: Host): string[] {
  const list = host.log.flatMap(o => (o.kind === 'bestChanged' && o.source === 'none' ? [o.prefix] : []));
  host.log.length = 0;
  return list.map(p => `${p.ip.family === 4 ? (p.ip.bits >>> 16) & 255 : 0}`);
}

describe('graceful restart (RFC 4724)', () => {
  test('keeps the routes of a peer that restarts, and drops what it does not announce again', () => {
    const { net, a, b } = pair();
    removals(b);
    net.kill(a);
    net.run(5000);
    expect(b.fib.size).toBe(3);
    expect(b.speaker.peers()[0]?.families[0]).toMatchObject({ received: 2, stale: 2 });
    net.revive(a, { ...optionsOf('10.0.0.1', 64512), restarting: true });
    net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
    net.point(a, b);
    net.run(10_000);
    expect(removals(b)).toEqual(['2']);
    expect(b.speaker.peers()[0]).toMatchObject({
      state: 'Established',
      families: [{ received: 1, stale: 0 }, {}],
    });
  });

  test('drops the routes when the peer stays away for its restart time', () => {
    const { net, a, b } = pair({ gracefulRestartTime: 20 });
    net.kill(a);
    net.run(19_000);
    expect(b.fib.size).toBe(3);
    net.run(2000);
    expect([...b.fib.keys()]).toEqual(['10.9.0.0/24']);
  });

  test('drops the routes at once when the peer comes back without having kept forwarding', () => {
    const { net, a, b } = pair();
    net.kill(a);
    net.revive(a, optionsOf('10.0.0.1', 64512));
    net.point(a, b);
    net.run(10_000);
    expect([...b.fib.keys()]).toEqual(['10.9.0.0/24']);
  });

  test('drops the routes at once when it was not agreed on', () => {
    const { net, a, b } = pair({ gracefulRestartTime: 0 });
    net.kill(a);
    net.run(10);
    expect([...b.fib.keys()]).toEqual(['10.9.0.0/24']);
  });

  test('a silent shutdown keeps our routes on the other side, an ordinary one does not (RFC 8538 §3)', () => {
    for (const graceful of [true, false]) {
      const { net, a, b } = pair();
      net.perform(a, a.speaker.shutDown({ graceful, text: 'upgrade' }));
      net.run(100);
      expect(b.fib.has('10.1.0.0/24')).toBe(graceful);
      const expected = graceful
        ? 'the peer closed the connection'
        : 'the peer ended the session: Cease: Hard Reset (6/9): Cease: Administrative Shutdown (6/2) “upgrade”';
      expect(b.speaker.peers()[0]?.lastError).toBe(expected);
    }
  });

  test('a restarted speaker decides nothing before its peers have told what they have', () => {
    const { net, a, b } = pair();
    net.kill(a);
    net.revive(a, { ...optionsOf('10.0.0.1', 64512), restarting: true });
    a.log.length = 0;
    a.fib.clear();
    net.point(a, b);
    net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
    expect(a.fib.size).toBe(0);
    net.run(10_000);
    const order = a.log.flatMap(o => (o.kind === 'bestChanged' || o.kind === 'converged' ? [o.kind] : []));
    expect(order).toEqual(['bestChanged', 'bestChanged', 'converged', 'converged']);
  });

  test('a restarted speaker waits for no peer that did not agree, and for a dead one only a while', () => {
    for (const [config, wait] of [
      [{ gracefulRestartTime: 0 }, 5000],
      [{}, 16_000],
    ] as const) {
      const net = new VirtualNet();
      const a = net.add('a', '10.0.0.1', { ...optionsOf('10.0.0.1', 64512), restarting: true });
      const b = net.add('b', '10.0.0.2', optionsOf('10.0.0.2', 64513));
      b.alive = wait === 5000;
      net.link(a, b, {}, config);
      net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
      net.run(wait - 2000);
      if (wait > 5000) expect(a.fib.size).toBe(0);
      net.run(2000);
      expect(a.fib.size).toBe(1);
    }
  });

  test.each<readonly [whose: string, a: Partial<PeerConfig>, b: Partial<PeerConfig>, says: RegExp]>([
    ['ours', {}, { remoteAs: 65099 }, /^the peer ended the session: OPEN .*Bad Peer AS \(2\/2\)/],
    ['the peer’s', { remoteAs: 65099 }, {}, /^we ended the session: .*OPEN .*Bad Peer AS \(2\/2\)/],
  ])(
    'a restarted speaker does not wait where an OPEN of %s was refused',
    (_whose, configA, configB, says) => {
      const net = new VirtualNet();
      const a = net.add('a', '10.0.0.1', { ...optionsOf('10.0.0.1', 64512), restarting: true });
      const [b, stranger] = [2, 3].map(n => net.add(`${n}`, `10.0.0.${n}`, optionsOf(`10.0.0.${n}`, 64513)));
      if (b === undefined || stranger === undefined) throw new Error('the others are missing');
      net.perform(b, b.speaker.originate(mustPrefix('10.9.0.0/24')));
      net.link(a, stranger, configA, configB);
      net.link(a, b);
      net.run(4000);
      expect(a.speaker.peers()[0]?.lastError).toMatch(says);
      expect([...a.fib.keys()]).toEqual(['10.9.0.0/24']);
    },
  );

  test('a restarted speaker waits again for a peer whose AS number was corrected', () => {
    const net = new VirtualNet();
    const a = net.add('a', '10.0.0.1', { ...optionsOf('10.0.0.1', 64512), restarting: true });
    const [b, other] = [2, 3].map(n => net.add(`${n}`, `10.0.0.${n}`, optionsOf(`10.0.0.${n}`, 64513)));
    if (b === undefined || other === undefined) throw new Error('the others are missing');
    other.alive = false;
    net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
    net.link(a, b, { remoteAs: 65099 });
    net.point(a, other);
    net.run(4000);
    b.alive = false;
    net.point(a, b, { remoteAs: 64513 });
    net.perform(a, a.speaker.removePeer(other.name, undefined, net.now));
    net.run(5000);
    expect(a.fib.size).toBe(0);
    net.run(8000);
    expect(a.fib.size).toBe(1);
  });

  test('silence of the peer keeps its routes when both know RFC 8538', () => {
    const { net, a, b } = pair({ holdTime: 9 }, { holdTime: 9 });
    a.alive = false;
    net.run(12_000);
    expect(b.speaker.peers()[0]?.lastError).toMatch(/silent/);
    expect(b.fib.has('10.1.0.0/24')).toBe(true);
  });

  test('a stray TCP call does not disturb the session, whichever connection it is on', () => {
    for (const passive of [false, true]) {
      const { net, b } = pair({ passive }, { passive: !passive });
      const before = b.speaker.peers()[0];
      for (let i = 0; i < 3; i++) {
        const connection = `stray-${i}`;
        net.tell(b, {
          kind: 'accepted',
          connection,
          localIp: mustIp('10.0.0.2'),
          remoteIp: mustIp('10.0.0.1'),
        });
        net.run(2000);
        if (i < 2) net.tell(b, { kind: 'closed', connection });
        net.run(300_000);
      }
      expect(b.speaker.peers()[0]).toMatchObject({
        state: 'Established',
        established: 1,
        lastError: before?.lastError,
        since: before?.since,
      });
      expect(b.fib.size).toBe(3);
      expect(removals(b)).toEqual([]);
    }
  });

  test('a peer that restarts without closing its old connection is taken back at once', () => {
    for (const bPassive of [false, true]) {
      const { net, a, b } = pair({}, { passive: bPassive });
      removals(b);
      a.alive = false;
      a.timers.clear();
      net.run(500);
      net.revive(a, { ...optionsOf('10.0.0.1', 64512), restarting: true });
      net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
      net.point(a, b);
      net.run(5000);
      expect(b.speaker.peers()[0]).toMatchObject({
        state: 'Established',
        established: 2,
        lastError: 'the peer opened a new session (RFC 4724 §5)',
      });
      expect(removals(b)).toEqual(['2']);
      net.run(300_000);
      expect(b.speaker.peers()[0]).toMatchObject({ state: 'Established', established: 2 });
    }
  });
});
