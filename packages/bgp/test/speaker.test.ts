import type { RouteView, RouteWindow } from '@muslin/bgp';
import { formatPrefix, type Ip4, type Ip6, mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { VirtualNet } from './virtual-net.ts';

const id = (text: string) => mustIp(text) as Ip4;

function pair(asA = 64512, asB = 64513) {
  const net = new VirtualNet();
  const a = net.add('a', '10.0.0.1', { asNumber: asA, routerId: id('10.0.0.1') });
  const b = net.add('b', '10.0.0.2', { asNumber: asB, routerId: id('10.0.0.2') });
  return { net, a, b };
}

describe('two speakers', () => {
  test('establish one session although both dial', () => {
    const { net, a, b } = pair();
    net.link(a, b);
    net.run(5000);
    expect(a.speaker.peers()[0]?.state).toBe('Established');
    expect(b.speaker.peers()[0]?.state).toBe('Established');
  });

  test('exchange IPv4 and IPv6 routes in one session', () => {
    const { net, a, b } = pair();
    const nextHopSelf = { ipv6: mustIp('fd00::1') as never };
    net.link(a, b, { nextHopSelf });
    net.run(5000);
    net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
    net.perform(a, a.speaker.originate(mustPrefix('fd00:1::/64')));
    net.run(10);
    expect([...b.fib]).toEqual([
      ['10.1.0.0/24', '10.0.0.1'],
      ['fd00:1::/64', 'fd00::1'],
    ]);
    net.perform(a, a.speaker.withdraw(mustPrefix('10.1.0.0/24')));
    net.perform(a, a.speaker.withdraw(mustPrefix('fd00:1::/64')));
    net.run(10);
    expect([...b.fib]).toEqual([]);
  });

  test('give a late peer everything, then an End-of-RIB', () => {
    const { net, a, b } = pair(64512, 64512);
    net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
    net.link(a, b, { remoteAs: 'internal' }, { remoteAs: 64512 });
    net.run(5000);
    expect(b.speaker.routes('ipv4-unicast')).toMatchObject([
      { peer: 'a', source: 'ibgp', attributes: { localPref: 100, asPath: [] } },
    ]);
    expect(b.speaker.peers()[0]?.families.map(f => f.endOfRib)).toEqual([true, true]);
  });

  test('tell their lists in windows that fit together, whatever the order of arrival', () => {
    const { net, a, b } = pair();
    // The session itself is one of IPv4.
    net.link(a, b, { nextHopSelf: { ipv6: mustIp('fd00::a') as Ip6 } });
    const all = [7, 3, 200, 12, 90, 1].map(n => `10.${n}.0.0/16`).concat('fd00:2::/64', 'fd00:1::/64');
    for (const text of all) net.perform(a, a.speaker.originate(mustPrefix(text)));
    net.run(5000);
    const texts = (routes: readonly RouteView[]) => routes.map(({ prefix }) => formatPrefix(prefix));
    const whole = texts(b.speaker.received('a'));
    expect(whole).toEqual([
      ...[1, 3, 7, 12, 90, 200].map(n => `10.${n}.0.0/16`),
      ...['fd00:1::/64', 'fd00:2::/64'],
    ]);
    for (const list of [
      (window: RouteWindow) => b.speaker.received('a', window),
      (window: RouteWindow) => a.speaker.advertised('b', window),
    ])
      for (const most of [1, 2, 3, 5, 7, 8, 100]) {
        const seen: string[] = [];
        for (let page = texts(list({ most })); page.length > 0; ) {
          expect(page.length).toBeLessThanOrEqual(most);
          seen.push(...page);
          page = texts(list({ most, after: mustPrefix(page.at(-1) as string) }));
        }
        expect(seen).toEqual(whole);
      }
    const after = mustPrefix('10.7.0.0/16');
    expect(texts(b.speaker.routes('ipv4-unicast', { after, most: 2 }))).toEqual([
      '10.12.0.0/16',
      '10.90.0.0/16',
    ]);
  });

  test('keep the session alive for an hour', () => {
    const { net, a, b } = pair();
    net.link(a, b, { holdTime: 9 }, { holdTime: 9 });
    net.run(3_600_000);
    expect(a.speaker.peers()[0]).toMatchObject({ state: 'Established', established: 1, holdTime: 9 });
  });

  test('lose the routes of a peer that dies, and get them back', () => {
    const { net, a, b } = pair();
    net.link(a, b, { gracefulRestartTime: 0 }, { gracefulRestartTime: 0 });
    net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
    net.run(5000);
    expect(b.fib.size).toBe(1);
    net.kill(a);
    net.run(10);
    expect(b.fib.size).toBe(0);
  });
});
