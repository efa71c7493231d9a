import { type Ip4, mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { type Capability, judgeOpen, KEEPALIVE, ownOpen, Speaker } from '../src/index.ts';
import { attr, BASE, BytePeer, hex, raw, updateBody } from './byte-peer.ts';

const base: readonly Capability[] = [
  { kind: 'multiprotocol', value: { afi: 1, safi: 1 } },
  { kind: 'routeRefresh', value: true },
  { kind: 'fourOctetAs', value: 65001 },
];
const probe = {
  id: 'probe',
  remoteIp: mustIp('10.0.0.2'),
  remoteAs: 65001,
  passive: true,
  gracefulRestartTime: 0,
} as const;

/** A second peer of the same speaker, in AS 65002. */
function neighbour(speaker: Speaker): BytePeer {
  const to = new BytePeer({ id: 'to', remoteIp: mustIp('10.0.0.3'), remoteAs: 65002 }, {}, speaker);
  to.open({ asNumber: 65002, id: '10.0.0.3' });
  to.say(KEEPALIVE);
  to.sent.length = 0;
  return to;
}

const pathTold = (peer: BytePeer) =>
  peer.sent.flatMap(m => (m.kind === 'update' ? (m.attributes.asPath ?? []) : [])).flatMap(s => s.asNumbers);

describe('timers per peer', () => {
  test.each([
    [3, 90, 3, 1],
    [90, 3, 3, 1],
    [90, 30, 30, 10],
    [0, 90, 0, 0],
    [65535, 65535, 65535, 21845],
  ])(
    'a hold time of %i s here and %i s there makes %i s, and a KEEPALIVE each %i s',
    (ours, theirs, hold, alive) => {
      const peer = new BytePeer({ holdTime: ours }).establish({ holdTime: theirs });
      expect(peer.speaker.peers()[0]).toMatchObject({ holdTime: hold, keepaliveTime: alive });
    },
  );

  test('a KEEPALIVE interval of our own is used when it is shorter than a third of the hold time', () => {
    const shown = (keepaliveTime: number) =>
      new BytePeer({ holdTime: 90, keepaliveTime }).establish().speaker.peers()[0]?.keepaliveTime;
    expect([shown(5), shown(80)]).toEqual([5, 30]);
  });

  test('each peer dials again after its own connect-retry time, a little early and not all at once (§10)', () => {
    const due = (connectRetryTime: number, seed: number) => {
      const speaker = new Speaker({ asNumber: 65000, routerId: mustIp('10.0.0.1') as Ip4, seed });
      const outputs = speaker.setPeer({ ...probe, passive: false, connectRetryTime }, 0);
      return outputs.flatMap(o => (o.kind === 'setTimer' ? [o.at] : []))[0] ?? 0;
    };
    for (const seed of [1, 2, 3]) {
      expect(due(40, seed)).toBeGreaterThanOrEqual(30_000);
      expect(due(40, seed)).toBeLessThanOrEqual(40_000);
    }
    expect(new Set([1, 2, 3].map(seed => due(40, seed))).size).toBe(3);
    expect(due(4, 1)).toBeLessThanOrEqual(4000);
  });

  test('a passive peer is waited for, never called', () => {
    const peer = new BytePeer();
    const speaker = new Speaker({ asNumber: 65000, routerId: mustIp('10.0.0.1') as Ip4 });
    const outputs = [...speaker.setPeer({ ...probe, passive: true }, 0)];
    for (const o of [...outputs]) {
      if (o.kind === 'setTimer') outputs.push(...speaker.handle({ kind: 'timer', id: o.id }, o.at));
    }
    expect(outputs.some(o => o.kind === 'dial')).toBe(false);
    expect(peer.open().state).toBe('OpenConfirm');
  });
});

describe('a local AS number of one peer (RFC 7705)', () => {
  const localAs = 64999;

  test('is the one in OPEN', () => {
    const peer = new BytePeer({ localAs }).open();
    expect(peer.sent[0]).toMatchObject({ kind: 'open', asNumber: localAs });
  });

  test.each([
    ['takes the place of ours in paths', undefined, [localAs]],
    ['stands before ours when asked to', { outbound: true }, [localAs, 65000]],
  ])('%s', (_name, localAsPrepend, expected) => {
    const peer = new BytePeer({ localAs, ...(localAsPrepend && { localAsPrepend }) }).establish();
    peer.take(peer.speaker.originate(mustPrefix('10.9.0.0/16')));
    expect(pathTold(peer)).toEqual(expected);
  });

  test.each([
    ['leaves received paths alone', undefined, [65000, 65001]],
    ['stands before received paths when asked to', { inbound: true }, [65000, localAs, 65001]],
  ])('%s', (_name, localAsPrepend, expected) => {
    const from = new BytePeer({ localAs, ...(localAsPrepend && { localAsPrepend }) }).establish();
    const to = neighbour(from.speaker);
    to.take(from.write(raw(2, updateBody([BASE.origin, BASE.asPath, BASE.nextHop]))));
    expect(pathTold(to)).toEqual(expected);
  });

  test.each([localAs, 65000])('a path with %i in it is a loop', as => {
    const peer = new BytePeer({ localAs }).establish();
    peer.announce('192.0.2.0/24', [65001, as]);
    expect(peer.speaker.explain(mustPrefix('192.0.2.0/24')).lost).toMatchObject([{ lostBecause: 'as-loop' }]);
  });

  test('changes its style without a new session', () => {
    const peer = new BytePeer({ localAs }).establish();
    peer.take(peer.speaker.originate(mustPrefix('10.9.0.0/16')));
    peer.sent.length = 0;
    peer.take(peer.speaker.setPeer({ ...probe, localAs, localAsPrepend: { outbound: true } }));
    expect([peer.closed, pathTold(peer)]).toEqual([false, [localAs, 65000]]);
  });
});

describe('maximum prefixes (RFC 4271 §6.7, RFC 4486 §4)', () => {
  const most = (limit: object) => ({ prefixLimit: { 'ipv4-unicast': { most: 2, ...limit } } });
  const full = (limit: object) => {
    const peer = new BytePeer(most(limit)).establish({ capabilities: base });
    for (const n of [1, 2, 3]) peer.announce(`10.${n}.0.0/16`);
    return peer;
  };
  const held = (peer: BytePeer) => peer.speaker.routes('ipv4-unicast').length;

  test('warn: all are kept, and the peer view says so', () => {
    const peer = full({ warnOnly: true });
    expect([peer.closed, held(peer)]).toEqual([false, 3]);
    expect(peer.speaker.peers()[0]?.faults.last).toBe('the peer sent 3 ipv4-unicast routes, 2 are allowed');
  });

  test('discard: what is beyond the limit is ignored, and the peer view says so', () => {
    const peer = full({ discard: true });
    expect([peer.closed, held(peer)]).toEqual([false, 2]);
    expect(peer.speaker.peers()[0]?.faults.last).toContain('fill the limit of 2');
  });

  test('discard: a route that is held may still change, and a withdrawal makes room', () => {
    const peer = full({ discard: true });
    peer.announce('10.2.0.0/16', [65001, 7]);
    peer.write(raw(2, updateBody([], [], [16, 10, 1])));
    peer.announce('10.4.0.0/16');
    const routes = peer.speaker.routes('ipv4-unicast');
    expect(routes.map(r => [r.prefix.ip, r.attributes.asPath?.[0]?.asNumbers.length])).toEqual([
      [mustPrefix('10.2.0.0/16').ip, 2],
      [mustPrefix('10.4.0.0/16').ip, 1],
    ]);
  });

  test('discard: a raised limit asks for the routes again', () => {
    const peer = full({ discard: true });
    peer.sent.length = 0;
    peer.take(
      peer.speaker.setPeer({ ...probe, prefixLimit: { 'ipv4-unicast': { most: 9, discard: true } } }),
    );
    expect(peer.sent).toEqual([{ kind: 'route-refresh', afi: 1, safi: 1, subtype: 0 }]);
  });

  test('tear down: the session ends with 6/1, and its routes are gone', () => {
    const peer = full({});
    expect([peer.farewell, held(peer)]).toEqual(['6/1', 0]);
  });

  test('a limit counts the routes of its family only', () => {
    const peer = new BytePeer({ prefixLimit: { 'ipv6-unicast': { most: 1 } } }).establish();
    for (const n of [1, 2, 3]) peer.announce(`10.${n}.0.0/16`);
    expect([peer.closed, held(peer)]).toEqual([false, 3]);
    const hop = '20010db8000000000000000000000001';
    for (const n of ['1', '2']) {
      const reach = attr(0x80, 14, hex(`0002 01 10 ${hop} 00 40 20010db8000${n}0000`));
      peer.write(raw(2, updateBody([reach, BASE.origin, BASE.asPath], [])));
    }
    expect(peer.farewell).toBe('6/1');
  });
});

describe('roles (RFC 9234 §4)', () => {
  const role = (value: number): Capability => ({ kind: 'role', value });
  const answer = (config: object, ...offers: readonly Capability[]) => {
    const peer = new BytePeer(config).open({ capabilities: [...base, ...offers] });
    return peer.closed ? peer.farewell : peer.state;
  };
  const pairs = { provider: 3, customer: 0, rs: 2, 'rs-client': 1, peer: 4 } as const;

  test.each(Object.entries(pairs))('%s faces only its counterpart', (ours, code) => {
    for (let theirs = 0; theirs <= 6; theirs++) {
      expect(answer({ role: ours }, role(theirs))).toBe(theirs === code ? 'OpenConfirm' : '2/11');
    }
  });

  test('the same role twice is fine, two different ones are not', () => {
    expect(answer({ role: 'provider' }, role(3), role(3))).toBe('OpenConfirm');
    expect(answer({ role: 'provider' }, role(3), role(4))).toBe('2/11');
  });

  test('a peer that tells no role is refused only when we are strict', () => {
    expect(answer({ role: 'provider' })).toBe('OpenConfirm');
    expect(answer({ role: 'provider', strictRole: true })).toBe('2/11');
  });

  test('inside an AS roles mean nothing', () => {
    const peer = new BytePeer({ role: 'provider', remoteAs: 65000 });
    peer.open({ asNumber: 65000, capabilities: [role(4), { kind: 'fourOctetAs', value: 65000 }] });
    expect(peer.state).toBe('OpenConfirm');
  });
});

describe('OPEN', () => {
  test('RFC 4724 §3: of several graceful restart capabilities the last one counts', () => {
    const restart = (restartTime: number): Capability => ({
      kind: 'gracefulRestart',
      value: { restarting: false, notification: false, restartTime, families: [] },
    });
    const peer = new BytePeer({ gracefulRestartTime: 120 });
    const capabilities = [...base, restart(7), restart(9)];
    const config = {
      localAs: 65000,
      routerId: mustIp('10.0.0.1') as Ip4,
      remoteAs: 65001,
      passive: true,
      families: ['ipv4-unicast'],
      holdTime: 90,
      connectRetryTime: 5,
      idleHoldTime: 1,
      sendHoldTime: 480,
      extendedMessages: false,
      extendedNextHop: false,
      addPath: { receive: false, send: false },
      gracefulRestart: { restartTime: 1, restarting: false, forwarding: false },
    } as const;
    const open = {
      ...ownOpen({ ...config, localAs: 65001, routerId: mustIp('10.0.0.2') as Ip4 }),
      capabilities,
    };
    expect(judgeOpen(open, config)).toMatchObject({
      ok: true,
      value: { gracefulRestart: { restartTime: 9 } },
    });
    expect(peer.open({ capabilities }).state).toBe('OpenConfirm');
  });
});

describe('destinations (RFC 4271 §6.3)', () => {
  test.each([
    ['224.0.0.0/24', true],
    ['239.255.0.0/16', true],
    ['224.0.0.0/3', false],
    ['223.255.0.0/16', false],
  ])('%s is ignored because it is multicast: %s', (prefix, ignored) => {
    const peer = new BytePeer().establish();
    peer.announce(prefix);
    expect(peer.closed).toBe(false);
    expect(peer.speaker.routes('ipv4-unicast')).toHaveLength(ignored ? 0 : 1);
    if (ignored) {
      expect(peer.speaker.explain(mustPrefix(prefix)).lost).toMatchObject([{ lostBecause: 'not-unicast' }]);
    }
    // A changed filter judges everything again, but this does not become a destination.
    peer.take(peer.speaker.setPeer({ ...probe, allowAsIn: 3 }));
    expect(peer.speaker.routes('ipv4-unicast')).toHaveLength(ignored ? 0 : 1);
  });
});
