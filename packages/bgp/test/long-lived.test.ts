import { type Ip4, mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PeerConfig, type SpeakerOptions, WELL_KNOWN_COMMUNITIES } from '../src/index.ts';
import { type Host, VirtualNet } from './virtual-net.ts';

const { 'llgr-stale': STALE, 'no-llgr': NO_LLGR } = WELL_KNOWN_COMMUNITIES;
const optionsOf = (ip: string, asNumber: number): SpeakerOptions => ({
  asNumber,
  routerId: mustIp(ip) as Ip4,
});
/** Twenty seconds of restart, then a hundred of last resort. */
const KEEP: Partial<PeerConfig> = { gracefulRestartTime: 20, longLivedTime: 100 };

/** `a` tells `b`, and `b` tells `c` (which knows of RFC 9494) and `d` (which doesn't). */
function row(a: Partial<PeerConfig> = KEEP, b: Partial<PeerConfig> = KEEP) {
  const net = new VirtualNet();
  const hosts = ['a', 'b', 'c', 'd'].map((name, i) =>
    net.add(name, `10.0.0.${i + 1}`, optionsOf(`10.0.0.${i + 1}`, 64512 + i)),
  );
  const [first, second, third, fourth] = hosts as [Host, Host, Host, Host];
  net.link(first, second, a, b);
  net.link(second, third, KEEP, KEEP);
  net.link(second, fourth);
  net.perform(first, first.speaker.originate(mustPrefix('10.1.0.0/24')));
  net.perform(first, first.speaker.originate(mustPrefix('10.2.0.0/24'), { communities: [NO_LLGR] }));
  net.run(5000);
  expect(keys(third)).toEqual(['10.1.0.0/24', '10.2.0.0/24']);
  return { net, a: first, b: second, c: third, d: fourth };
}
const keys = (host: Host) => [...host.fib.keys()].sort();
const communities = (host: Host) =>
  host.speaker
    .routes('ipv4-unicast')
    .find(({ prefix }) => prefix.ip.family === 4 && prefix.ip.bits === 0x0a010000)?.attributes.communities ??
  [];

describe('long-lived graceful restart (RFC 9494)', () => {
  test('after the restart time the routes are a last resort, but for those with NO_LLGR (§4.2)', () => {
    const { net, a, b } = row();
    net.kill(a);
    net.run(19_000);
    expect(keys(b)).toEqual(['10.1.0.0/24', '10.2.0.0/24']);
    expect(communities(b)).not.toContain(STALE);
    net.run(2000);
    expect(keys(b)).toEqual(['10.1.0.0/24']);
    expect(communities(b)).toContain(STALE);
    expect(b.speaker.peers()[0]?.families[0]).toMatchObject({ received: 1, stale: 1 });
  });

  test('they are told to peers that know of it, marked, and withdrawn from others (§4.3)', () => {
    const { net, a, b, c, d } = row();
    net.kill(a);
    net.run(22_000);
    expect(keys(c)).toEqual(['10.1.0.0/24']);
    expect(communities(c)).toContain(STALE);
    expect(keys(d)).toEqual([]);
    expect(b.speaker.explain(mustPrefix('10.1.0.0/24')).withheld).toContainEqual({
      peer: 'd',
      because: 'long-lived-stale',
    });
  });

  test('they go when their time is up', () => {
    const { net, a, b, c } = row();
    net.kill(a);
    net.run(115_000);
    expect(keys(b)).toEqual(['10.1.0.0/24']);
    net.run(10_000);
    expect([keys(b), keys(c)]).toEqual([[], []]);
  });

  test('any other route is better, whatever its LOCAL_PREF and path (§4.3)', () => {
    const { net, a, b, c } = row();
    net.perform(
      c,
      c.speaker.originate(mustPrefix('10.1.0.0/24'), {
        asPath: [{ kind: 'sequence', asNumbers: [7, 8, 9] }],
      }),
    );
    net.run(100);
    expect(b.speaker.explain(mustPrefix('10.1.0.0/24')).winner?.peer).toBe('a');
    net.kill(a);
    net.run(22_000);
    const why = b.speaker.explain(mustPrefix('10.1.0.0/24'));
    expect(why.winner?.peer).toBe('c');
    expect(why.lost).toMatchObject([{ peer: 'a', lostBecause: 'long-lived-stale' }]);
  });

  test('the peer comes back in time: what it tells is fresh, what it does not tell goes', () => {
    const { net, a, b } = row();
    net.kill(a);
    net.run(30_000);
    net.revive(a, { ...optionsOf('10.0.0.1', 64512), restarting: true });
    net.perform(a, a.speaker.originate(mustPrefix('10.3.0.0/24')));
    net.point(a, b, KEEP);
    net.run(70_000);
    expect(keys(b)).toEqual(['10.3.0.0/24']);
    net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
    net.run(100);
    expect(communities(b)).not.toContain(STALE);
    net.run(200_000);
    expect(keys(b)).toEqual(['10.1.0.0/24', '10.3.0.0/24']);
  });

  test('a peer that comes back without having kept forwarding loses them at once (§4.2)', () => {
    const { net, a, b } = row();
    net.kill(a);
    net.run(30_000);
    net.revive(a, optionsOf('10.0.0.1', 64512));
    net.point(a, b, KEEP);
    net.run(8000);
    expect(keys(b)).toEqual([]);
  });

  test('the shorter of both times counts, and 0 on either side is off', () => {
    for (const [ours, theirs, until] of [
      [100, 40, 60],
      [40, 100, 60],
      [0, 100, 20],
      [100, 0, 20],
    ] as const) {
      const { net, a, b } = row({ ...KEEP, longLivedTime: theirs }, { ...KEEP, longLivedTime: ours });
      net.kill(a);
      net.run((until - 2) * 1000);
      expect(keys(b)).toContain('10.1.0.0/24');
      net.run(4000);
      expect(keys(b)).toEqual([]);
    }
  });

  test('with no restart time it begins at once', () => {
    const { net, a, b } = row({ ...KEEP, gracefulRestartTime: 1 });
    net.kill(a);
    net.run(1100);
    expect(communities(b)).toContain(STALE);
  });

  test('however peers go and come, nothing stale outlives both times, and what was told last is there', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('kill' as const) }),
      fc.record({ kind: fc.constant('revive' as const), restarting: fc.boolean() }),
      fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 60 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), steps => {
        const { net, a, b, c } = row();
        for (const each of steps) {
          if (each.kind === 'kill' && a.alive) net.kill(a);
          if (each.kind === 'revive' && !a.alive) {
            net.revive(a, { ...optionsOf('10.0.0.1', 64512), restarting: each.restarting });
            net.perform(a, a.speaker.originate(mustPrefix('10.1.0.0/24')));
            net.point(a, b, KEEP);
          }
          if (each.kind === 'wait') net.run(each.seconds * 1000);
        }
        net.run(130_000);
        const wanted = a.alive ? ['10.1.0.0/24'] : [];
        const left = keys(b).filter(key => key === '10.1.0.0/24');
        expect(left).toEqual(wanted);
        expect(keys(c).filter(key => key === '10.1.0.0/24')).toEqual(wanted);
        if (a.alive) expect(communities(b)).not.toContain(STALE);
      }),
      { numRuns: 60 },
    );
  });
});
