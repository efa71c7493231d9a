import { type Ip4, mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { applyPolicy, type Policy, type PolicyRule, type RouteMatch } from '../src/index.ts';
import { BytePeer } from './byte-peer.ts';

const route = {
  prefix: mustPrefix('10.1.2.0/24'),
  attributes: {
    origin: 'igp' as const,
    asPath: [{ kind: 'sequence' as const, asNumbers: [65001, 65002] }],
    communities: [100, 200],
    largeCommunities: [[65000, 1, 2] as const],
  },
  source: 'remote' as const,
  peerType: 'ebgp' as const,
};
const prefix = (
  text: string,
  operator: 'equal' | 'not-equal' | 'in' | 'not-in',
  min?: number,
  max?: number,
): RouteMatch => ({
  prefix: {
    prefix: mustPrefix(text),
    operator,
    lengths: { ...(min !== undefined && { min }), ...(max !== undefined && { max }) },
  },
});
const rejecting = (match: RouteMatch): Policy => ({
  rules: [{ match, verdict: 'reject' }],
  otherwise: 'accept',
});

describe('a rule matches', () => {
  test.each<readonly [string, RouteMatch, boolean]>([
    ['everything when nothing is asked', {}, true],
    ['an equal prefix', prefix('10.1.2.0/24', 'equal'), true],
    ['no other prefix as equal', prefix('10.1.0.0/16', 'equal'), false],
    ['another prefix as not equal', prefix('10.1.0.0/16', 'not-equal'), true],
    ['not the same prefix as not equal', prefix('10.1.2.0/24', 'not-equal'), false],
    ['a prefix inside', prefix('10.0.0.0/8', 'in'), true],
    ['the prefix itself as inside', prefix('10.1.2.0/24', 'in'), true],
    ['no prefix around', prefix('10.1.2.0/25', 'in'), false],
    ['a prefix that is not inside', prefix('192.168.0.0/16', 'not-in'), true],
    ['a length in the range', prefix('10.0.0.0/8', 'in', 24, 24), true],
    ['no shorter length', prefix('10.0.0.0/8', 'in', 25), false],
    ['no longer length', prefix('10.0.0.0/8', 'in', 0, 23), false],
    ['no prefix of the other family', prefix('::/0', 'in'), false],
    ['the family', { family: 4 }, true],
    ['no other family', { family: 6 }, false],
    ['the source', { source: 'remote' }, true],
    ['no other source', { source: 'own' }, false],
    ['the kind of session', { peerType: 'ebgp' }, true],
    ['no other kind of session', { peerType: 'ibgp' }, false],
    ['a community', { communities: [{ kind: 'standard', value: 100 }] }, true],
    [
      'all communities or none',
      {
        communities: [
          { kind: 'standard', value: 100 },
          { kind: 'standard', value: 300 },
        ],
      },
      false,
    ],
    ['a large community', { communities: [{ kind: 'large', value: [65000, 1, 2] }] }, true],
    ['the start of the AS path', { asPathPrefix: [65001] }, true],
    ['the whole AS path', { asPathPrefix: [65001, 65002] }, true],
    ['not the middle of the AS path', { asPathPrefix: [65002] }, false],
    ['no longer AS path', { asPathPrefix: [65001, 65002, 65003] }, false],
    ['nothing when one of two conditions fails', { source: 'remote', family: 6 }, false],
  ])('%s', (_name, match, expected) => {
    expect(applyPolicy(rejecting(match), route).accepted).toBe(!expected);
  });
});

describe('a policy', () => {
  test('takes the first rule that matches and decides', () => {
    const rules: PolicyRule[] = [
      { match: { family: 6 }, verdict: 'reject' },
      { match: {}, actions: [{ kind: 'set-med', value: 1 }], verdict: 'continue' },
      { match: {}, verdict: 'accept' },
      { match: {}, verdict: 'reject' },
    ];
    expect(applyPolicy({ rules, otherwise: 'reject' }, route)).toMatchObject({
      accepted: true,
      rule: 2,
      attributes: { med: 1 },
    });
  });

  test('changes routes as its actions say', () => {
    const rules: PolicyRule[] = [
      {
        match: {},
        actions: [
          { kind: 'add-community', community: { kind: 'standard', value: 300 } },
          { kind: 'add-community', community: { kind: 'standard', value: 300 } },
          { kind: 'remove-community', community: { kind: 'standard', value: 100 } },
          { kind: 'remove-community', community: { kind: 'large', value: [65000, 1, 2] } },
          { kind: 'prepend', asNumbers: [1, 2] },
          { kind: 'set-local-pref', value: 50 },
          { kind: 'set-med', value: 9 },
        ],
        verdict: 'accept',
      },
    ];
    expect(applyPolicy({ rules, otherwise: 'reject' }, route).attributes).toEqual({
      origin: 'igp',
      asPath: [{ kind: 'sequence', asNumbers: [1, 2, 65001, 65002] }],
      communities: [200, 300],
      localPref: 50,
      med: 9,
    });
  });

  test('decides what no rule decided', () => {
    expect(applyPolicy({ rules: [], otherwise: 'reject' }, route)).toMatchObject({
      accepted: false,
      rule: undefined,
    });
  });
});

describe('a changed filter', () => {
  const config = {
    id: 'probe',
    remoteIp: mustIp('10.0.0.2'),
    remoteAs: 65001,
    passive: true,
    gracefulRestartTime: 0,
  } as const;

  test('on import is applied to what is there, without a new session', () => {
    const peer = new BytePeer().establish();
    peer.announce('10.1.0.0/16');
    peer.announce('10.2.0.0/16');
    peer.take(peer.speaker.setPeer({ ...config, importPolicy: rejecting(prefix('10.1.0.0/16', 'equal')) }));
    expect(peer.speaker.routes('ipv4-unicast')).toHaveLength(1);
    expect(peer.speaker.explain(mustPrefix('10.1.0.0/16')).lost).toMatchObject([
      { lostBecause: 'import-filter' },
    ]);
    expect(peer.speaker.peers()[0]?.families[0]).toMatchObject({ received: 2, accepted: 1 });
    peer.take(peer.speaker.setPeer(config));
    expect(peer.speaker.routes('ipv4-unicast')).toHaveLength(2);
    expect(peer.speaker.peers()[0]).toMatchObject({ state: 'Established', established: 1 });
  });

  test('on export sends and withdraws only what differs', () => {
    const peer = new BytePeer().establish();
    for (const text of ['10.1.0.0/16', '10.2.0.0/16']) peer.take(peer.speaker.originate(mustPrefix(text)));
    peer.sent.length = 0;
    peer.take(peer.speaker.setPeer({ ...config, exportPolicy: rejecting(prefix('10.1.0.0/16', 'equal')) }));
    expect(
      peer.sent.map(m => m.kind === 'update' && [m.withdrawn.bytes.length, m.announced.bytes.length]),
    ).toEqual([[3, 0]]);
    peer.sent.length = 0;
    peer.take(peer.speaker.setPeer(config));
    expect(
      peer.sent.map(m => m.kind === 'update' && [m.withdrawn.bytes.length, m.announced.bytes.length]),
    ).toEqual([[0, 3]]);
  });

  test('that is the same filter sends nothing', () => {
    const peer = new BytePeer().establish();
    expect(peer.speaker.setPeer({ ...config, importPolicy: { rules: [], otherwise: 'accept' } })).toEqual([]);
  });
});

describe('next hop modes', () => {
  const advertisedHop = (nextHop: 'auto' | 'self' | 'keep', internal: boolean, behindUs = false) => {
    const from = new BytePeer({ behindUs }).establish();
    const as = internal ? 65000 : 65002;
    const to = new BytePeer(
      { id: 'to', remoteIp: mustIp('10.0.0.3'), remoteAs: as, nextHop },
      {},
      from.speaker,
    );
    to.open({ asNumber: as, id: '10.0.0.3' });
    to.say({ kind: 'keepalive' });
    from.announce('192.0.2.0/24');
    const hop = from.speaker.advertised('to')[0]?.attributes.nextHop?.ip as Ip4 | undefined;
    return hop === undefined ? undefined : hop.bits & 0xff;
  };
  test.each([
    ['auto', false, 1],
    ['self', false, 1],
    ['keep', false, 2],
    ['auto', true, 2],
    ['self', true, 1],
    ['keep', true, 2],
  ] as const)('%s, peer inside our AS: %s', (mode, internal, last) => {
    expect(advertisedHop(mode, internal)).toBe(last);
  });
  test.each([
    ['auto', 1],
    ['self', 1],
    ['keep', 2],
  ] as const)('%s, of a peer that is reached through us alone, inside our AS', (mode, last) => {
    expect(advertisedHop(mode, true, true)).toBe(last);
  });
});

describe('a next hop (RFC 4271 §9.1.2.1)', () => {
  test('that is not reachable takes its routes out at once, and brings them back', () => {
    const from = new BytePeer().establish();
    const { speaker } = from;
    const ip = mustIp('10.0.0.2');
    from.announce('192.0.2.0/24');
    const changed = (cost: number | 'unreachable') =>
      from
        .take(speaker.handle({ kind: 'nextHop', ip, cost }, 0))
        .map(o => (o.kind === 'bestChanged' ? o.source : o.kind));
    expect(changed('unreachable')).toEqual(['none']);
    expect(speaker.explain(mustPrefix('192.0.2.0/24')).lost).toMatchObject([
      { lostBecause: 'next-hop-unreachable' },
    ]);
    expect(changed(0)).toEqual(['ebgp']);
    expect(changed(7)).toEqual([]);
  });
});
