import { mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import type { PathAttributes } from '../src/index.ts';
import { asPath, attr, BASE, BytePeer, hex, join, PROBE, probe, raw, updateBody } from './byte-peer.ts';

const { origin, nextHop } = BASE;
const good = [origin, BASE.asPath, nextHop];
const mpReach = (value: string, flags = 0x80) => attr(flags, 14, hex(value));
const V6 = '20010db8000000000000000000000001';

/** Attributes of an UPDATE for 192.0.2.0/24, and what must come of it: ok, W(ithdraw), R(eset) code/subcode. */
const CASES: readonly (readonly [string, readonly Uint8Array[], string])[] = [
  ['a good UPDATE is accepted', good, 'ok'],
  // §3 c
  [
    '§3 c: ORIGIN with the optional flag is treated as withdraw',
    [attr(0xc0, 1, [0]), BASE.asPath, nextHop],
    'W',
  ],
  [
    '§3 c: ORIGIN without the transitive flag is treated as withdraw',
    [attr(0x00, 1, [0]), BASE.asPath, nextHop],
    'W',
  ],
  ['§3 c: MED with the transitive flag is treated as withdraw', [...good, attr(0xc0, 4, [0, 0, 0, 1])], 'W'],
  [
    '§3 c: COMMUNITIES without the optional flag is treated as withdraw',
    [...good, attr(0x40, 8, [0, 1, 0, 1])],
    'W',
  ],
  [
    '§3 c: the partial flag on an optional transitive attribute is fine',
    [...good, attr(0xe0, 8, [0, 1, 0, 1])],
    'ok',
  ],
  [
    '§3 c: the extended-length flag on a short attribute is fine',
    [attr(0x50, 1, [0]), BASE.asPath, nextHop],
    'ok',
  ],
  [
    '§3 c: MP_REACH_NLRI with the transitive flag is treated as withdraw',
    [...good, mpReach(`0002 01 10 ${V6} 00 20 20010db8`, 0xc0)],
    'W',
  ],
  // §3 d
  ['§3 d: a missing ORIGIN is treated as withdraw', [BASE.asPath, nextHop], 'W'],
  ['§3 d: a missing AS_PATH is treated as withdraw', [origin, nextHop], 'W'],
  ['§3 d: a missing NEXT_HOP is treated as withdraw', [origin, BASE.asPath], 'W'],
  // §3 g
  ['§3 g: a second ORIGIN is discarded', [...good, attr(0x40, 1, [2])], 'ok'],
  [
    '§3 g: a second, malformed MED is discarded',
    [...good, attr(0x80, 4, [0, 0, 0, 1]), attr(0x80, 4, [1])],
    'ok',
  ],
  [
    '§3 g: a second MP_REACH_NLRI resets the session',
    [...good, mpReach(`0002 01 10 ${V6} 00`), mpReach(`0002 01 10 ${V6} 00`)],
    'R 3/1',
  ],
  [
    '§3 g: a second MP_UNREACH_NLRI resets the session',
    [...good, attr(0x80, 15, hex('000201')), attr(0x80, 15, hex('000201'))],
    'R 3/1',
  ],
  // §3 h
  [
    '§3 h: a discard and a withdraw together withdraw',
    [attr(0x40, 1, [7]), BASE.asPath, nextHop, attr(0xc0, 7, [1])],
    'W',
  ],
  // §4
  [
    '§4: an attribute that runs over the end is treated as withdraw',
    [...good, Uint8Array.of(0xc0, 8, 20, 1, 2)],
    'W',
  ],
  ['§4: two octets left in the list are treated as withdraw', [...good, Uint8Array.of(0xc0, 8)], 'W'],
  [
    '§4: three octets left with extended length are treated as withdraw',
    [...good, Uint8Array.of(0xd0, 8, 0)],
    'W',
  ],
  ['§4: one octet left is treated as withdraw', [...good, Uint8Array.of(0xc0)], 'W'],
  // §7.1
  ['§7.1: an undefined ORIGIN is treated as withdraw', [attr(0x40, 1, [3]), BASE.asPath, nextHop], 'W'],
  ['§7.1: an ORIGIN of no octets is treated as withdraw', [attr(0x40, 1, []), BASE.asPath, nextHop], 'W'],
  [
    '§7.1: an ORIGIN of two octets is treated as withdraw',
    [attr(0x40, 1, [0, 0]), BASE.asPath, nextHop],
    'W',
  ],
  // §7.2
  [
    '§7.2: an AS_PATH segment of unknown kind is treated as withdraw',
    [origin, attr(0x40, 2, [9, 1, 0, 0, 0xfd, 0xe9]), nextHop],
    'W',
  ],
  [
    '§7.2: an AS_PATH segment that overruns is treated as withdraw',
    [origin, attr(0x40, 2, [2, 2, 0, 0, 0xfd, 0xe9]), nextHop],
    'W',
  ],
  [
    '§7.2: an AS_PATH segment that underruns is treated as withdraw',
    [origin, attr(0x40, 2, [2, 1, 0, 0, 0xfd, 0xe9, 0]), nextHop],
    'W',
  ],
  [
    '§7.2: an AS_PATH segment without AS numbers is treated as withdraw',
    [origin, attr(0x40, 2, [2, 0]), nextHop],
    'W',
  ],
  [
    '§7.2: an empty AS_PATH from another AS is treated as withdraw',
    [origin, attr(0x40, 2, []), nextHop],
    'W',
  ],
  [
    '§7.2: an AS_PATH that does not start with the neighbour is not used',
    [origin, asPath(64999), nextHop],
    'W',
  ],
  [
    'RFC 5065 §5: a confederation segment from outside is treated as withdraw',
    [origin, attr(0x40, 2, [3, 1, 0, 0, 0xfd, 0xe9]), nextHop],
    'W',
  ],
  [
    'RFC 4271 §9: an AS_SET is understood',
    [origin, attr(0x40, 2, [2, 1, 0, 0, 0xfd, 0xe9, 1, 1, 0, 0, 0, 7]), nextHop],
    'ok',
  ],
  // §7.3
  [
    '§7.3: a NEXT_HOP of three octets is treated as withdraw',
    [origin, BASE.asPath, attr(0x40, 3, [10, 0, 0])],
    'W',
  ],
  [
    '§7.3: a NEXT_HOP of sixteen octets is treated as withdraw',
    [origin, BASE.asPath, attr(0x40, 3, hex(V6))],
    'W',
  ],
  [
    'RFC 4271 §6.3: NEXT_HOP 0.0.0.0 is treated as withdraw',
    [origin, BASE.asPath, attr(0x40, 3, [0, 0, 0, 0])],
    'W',
  ],
  [
    'RFC 4271 §6.3: NEXT_HOP 127.0.0.1 is treated as withdraw',
    [origin, BASE.asPath, attr(0x40, 3, [127, 0, 0, 1])],
    'W',
  ],
  [
    'RFC 4271 §6.3: a multicast NEXT_HOP is treated as withdraw',
    [origin, BASE.asPath, attr(0x40, 3, [224, 0, 0, 5])],
    'W',
  ],
  [
    'RFC 4271 §6.3: NEXT_HOP 255.255.255.255 is treated as withdraw',
    [origin, BASE.asPath, attr(0x40, 3, [255, 255, 255, 255])],
    'W',
  ],
  [
    'RFC 4271 §6.3: a NEXT_HOP that is our own address is not used',
    [origin, BASE.asPath, attr(0x40, 3, [10, 0, 0, 1])],
    'W',
  ],
  [
    'RFC 4271 §5.1.3: a third-party NEXT_HOP is accepted',
    [origin, BASE.asPath, attr(0x40, 3, [10, 0, 0, 77])],
    'ok',
  ],
  // §7.4
  ['§7.4: a MED of three octets is treated as withdraw', [...good, attr(0x80, 4, [0, 0, 1])], 'W'],
  ['§7.4: a MED of five octets is treated as withdraw', [...good, attr(0x80, 4, [0, 0, 0, 0, 1])], 'W'],
  // §7.5
  ['§7.5: LOCAL_PREF from outside is discarded', [...good, attr(0x40, 5, [0, 0, 0, 200])], 'ok'],
  ['§7.5: a malformed LOCAL_PREF from outside is discarded', [...good, attr(0x40, 5, [200])], 'ok'],
  // §7.6
  ['§7.6: an ATOMIC_AGGREGATE with a value is discarded', [...good, attr(0x40, 6, [1])], 'ok'],
  // §7.7
  [
    '§7.7: an AGGREGATOR of six octets on a four-octet session is discarded',
    [...good, attr(0xc0, 7, [0, 1, 10, 0, 0, 9])],
    'ok',
  ],
  ['§7.7: an empty AGGREGATOR is discarded', [...good, attr(0xc0, 7, [])], 'ok'],
  // §7.8
  [
    '§7.8: COMMUNITIES of five octets are treated as withdraw',
    [...good, attr(0xc0, 8, [0, 1, 0, 1, 0])],
    'W',
  ],
  ['§7.8: empty COMMUNITIES are treated as withdraw', [...good, attr(0xc0, 8, [])], 'W'],
  // §7.9, §7.10
  ['§7.9: ORIGINATOR_ID from outside is discarded', [...good, attr(0x80, 9, [1, 1, 1, 1])], 'ok'],
  ['§7.9: a malformed ORIGINATOR_ID from outside is discarded', [...good, attr(0x80, 9, [1, 1, 1])], 'ok'],
  ['§7.10: CLUSTER_LIST from outside is discarded', [...good, attr(0x80, 10, [1, 1, 1, 1])], 'ok'],
  ['§7.10: a malformed CLUSTER_LIST from outside is discarded', [...good, attr(0x80, 10, [1])], 'ok'],
  // §7.11, §5.3
  [
    '§7.11: an IPv6 next hop of five octets resets the session',
    [...good, mpReach('0002 01 05 2001000000 00 20 20010db8')],
    'R 3/9',
  ],
  ['§5.3: MP_REACH_NLRI of four octets resets the session', [...good, mpReach('00020110')], 'R 3/9'],
  [
    '§5.3: an IPv6 prefix length of 129 resets the session',
    [...good, mpReach(`0002 01 10 ${V6} 00 81 20010db8`)],
    'R 3/9',
  ],
  [
    '§5.3: an IPv6 prefix that is cut off resets the session',
    [...good, mpReach(`0002 01 10 ${V6} 00 40 20010db8`)],
    'R 3/9',
  ],
  ['§5.3: MP_UNREACH_NLRI of two octets resets the session', [...good, attr(0x80, 15, [0, 2])], 'R 3/9'],
  [
    'RFC 4760 §6: an address family that was not agreed on is ignored',
    [...good, mpReach('0001 80 0c 0000000000000000 0a000002 00 70 0000000000000000 c0000200')],
    'ok',
  ],
  // §7.14
  [
    '§7.14: EXTENDED COMMUNITIES of seven octets are treated as withdraw',
    [...good, attr(0xc0, 16, [0, 2, 0, 0, 0, 0, 1])],
    'W',
  ],
  ['§7.14: empty EXTENDED COMMUNITIES are treated as withdraw', [...good, attr(0xc0, 16, [])], 'W'],
  [
    'RFC 8092 §5: LARGE_COMMUNITY of eleven octets is treated as withdraw',
    [...good, attr(0xc0, 32, new Array(11).fill(1))],
    'W',
  ],
  ['RFC 9234 §5: an OTC of three octets is treated as withdraw', [...good, attr(0xc0, 35, [1, 2, 3])], 'W'],
  // RFC 4271 §6.3, §9
  [
    'RFC 4271 §6.3: an unknown well-known attribute resets the session',
    [...good, attr(0x40, 99, [1])],
    'R 3/2',
  ],
  [
    'RFC 4271 §9: an unknown optional non-transitive attribute is ignored',
    [...good, attr(0x80, 99, [1])],
    'ok',
  ],
  ['RFC 4271 §9: an unknown optional transitive attribute is kept', [...good, attr(0xc0, 99, [1])], 'ok'],
  // RFC 7607, RFC 6793
  ['RFC 7607 §2: AS 0 in AS_PATH is treated as withdraw', [origin, asPath(65001, 0), nextHop], 'W'],
  ['RFC 7607 §2: AS 0 in AGGREGATOR is discarded', [...good, attr(0xc0, 7, [0, 0, 0, 0, 10, 0, 0, 9])], 'ok'],
  [
    'RFC 6793 §4.1: AS4_PATH between four-octet speakers is ignored',
    [...good, attr(0xc0, 17, [2, 1, 0, 0, 0, 7])],
    'ok',
  ],
  [
    'RFC 6793 §6: a malformed AS4_PATH between four-octet speakers is ignored',
    [...good, attr(0xc0, 17, [2, 9])],
    'ok',
  ],
];

describe('RFC 7606 with everything it revises', () => {
  test.each(CASES)('%s', (_name, attributes, expected) => {
    const { outcome, peer } = probe(raw(2, updateBody(attributes)));
    expect(`${outcome}${outcome === expected ? '' : ` ${peer.lastError}`}`).toBe(expected);
  });
});

describe('RFC 7606 §3 b, §3 j, §5', () => {
  const list = join(...good);
  test.each([
    ['§3 b: a withdrawn length beyond the message resets the session', join([0, 200], [0, 0]), 'R 3/1'],
    ['§3 b: an attribute length beyond the message resets the session', join([0, 0], [1, 0], list), 'R 3/1'],
    ['§3 j: a prefix length of 33 resets the session', updateBody(good, [33, 192, 0, 2, 0, 0]), 'R 3/10'],
    ['§3 j: an NLRI that is cut off resets the session', updateBody(good, [24, 192, 0]), 'R 3/10'],
    [
      '§5.3: a withdrawn prefix length of 33 resets the session',
      updateBody([], [], [33, 1, 2, 3, 4, 5]),
      'R 3/10',
    ],
    [
      '§5.2: a withdraw-class fault without announced routes resets the session',
      updateBody([attr(0x40, 1, [9])], []),
      'R 3/1',
    ],
    [
      '§5.2: a discard-class fault without announced routes does not',
      updateBody([origin, attr(0x40, 6, [9])], []),
      'ok',
    ],
    ['RFC 4271 §4.3: trailing bits of a prefix are irrelevant', updateBody(good, [23, 192, 0, 3]), 'ok'],
    [
      'RFC 4271 §4.3: a prefix both withdrawn and announced counts as announced',
      updateBody(good, PROBE, PROBE),
      'ok',
    ],
    ['RFC 4271 §4.3: a withdrawal removes the route', updateBody([], [], PROBE), 'W'],
    [
      'RFC 4271 §3.1: withdrawing a route that is not there does nothing',
      updateBody([], [], [24, 203, 0, 113]),
      'ok',
    ],
    ['RFC 4724 §2: an empty UPDATE is an End-of-RIB', updateBody([], []), 'ok'],
  ] as const)('%s', (_name, body, expected) => {
    expect(probe(raw(2, body)).outcome).toBe(expected);
  });
});

describe('what becomes of attributes', () => {
  const stored = (attributes: readonly Uint8Array[], remoteAs = 65001): PathAttributes => {
    const { peer } = probe(raw(2, updateBody(attributes)), { remoteAs }, { asNumber: remoteAs });
    const route = peer.speaker
      .received('probe')
      .find(r => r.prefix.length === 24 && r.prefix.ip.family === 4 && r.prefix.ip.bits === 0xc0000200);
    return route?.attributes ?? {};
  };

  test('§3 g: of two ORIGINs the first counts', () => {
    expect(stored([...good, attr(0x40, 1, [2])]).origin).toBe('igp');
  });

  test('§7.5: LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST from outside leave no trace', () => {
    const attributes = stored([
      ...good,
      attr(0x40, 5, [0, 0, 0, 200]),
      attr(0x80, 9, [1, 1, 1, 1]),
      attr(0x80, 10, [1, 1, 1, 1]),
    ]);
    expect(Object.keys(attributes)).toEqual(['origin', 'asPath', 'nextHop']);
  });

  test('§7.5: LOCAL_PREF from inside is used', () => {
    expect(stored([origin, attr(0x40, 2, []), nextHop, attr(0x40, 5, [0, 0, 0, 200])], 65000).localPref).toBe(
      200,
    );
  });

  test('RFC 4271 §9: an unknown transitive attribute gets the partial flag', () => {
    expect(stored([...good, attr(0xc0, 99, [1, 2])]).unknown).toEqual([
      { flags: 0xe0, code: 99, bytes: hex('0102') },
    ]);
  });

  test('an attribute of 300 octets survives storing', () => {
    const communities = new Array(300).fill(1);
    expect(stored([...good, attr(0xd0, 8, communities)]).communities).toHaveLength(75);
  });
});

describe('from inside our own AS', () => {
  const inside = [origin, attr(0x40, 2, []), nextHop];
  test.each([
    ['§7.5: a malformed LOCAL_PREF is treated as withdraw', attr(0x40, 5, [1]), 'W'],
    ['§7.9: a malformed ORIGINATOR_ID is treated as withdraw', attr(0x80, 9, [1]), 'W'],
    ['§7.10: a malformed CLUSTER_LIST is treated as withdraw', attr(0x80, 10, [1]), 'W'],
    ['§7.10: an empty CLUSTER_LIST is treated as withdraw', attr(0x80, 10, []), 'W'],
    ['RFC 4456 §8: a route that started here is not used', attr(0x80, 9, [10, 0, 0, 1]), 'W'],
    [
      'RFC 4456 §8: a route that passed our cluster is not used',
      attr(0x80, 10, [1, 1, 1, 1, 10, 0, 0, 1]),
      'W',
    ],
    ['RFC 4456 §8: a reflected route is used', attr(0x80, 9, [10, 0, 0, 9]), 'ok'],
  ] as const)('%s', (_name, extra, expected) => {
    const bytes = raw(2, updateBody([...inside, extra]));
    expect(probe(bytes, { remoteAs: 65000 }, { asNumber: 65000 }).outcome).toBe(expected);
  });
});

describe('a two-octet speaker (RFC 6793)', () => {
  const capabilities = [{ kind: 'multiprotocol', value: { afi: 1, safi: 1 } }] as const;
  const path2 = attr(0x40, 2, [2, 2, 0xfd, 0xe9, 0x5b, 0xa0]);

  test('§4.2.3: AS_TRANS is replaced by what AS4_PATH carries', () => {
    const peer = new BytePeer().establish({ capabilities });
    peer.write(raw(2, updateBody([origin, path2, nextHop, attr(0xc0, 17, [2, 1, 0, 1, 0, 0])])));
    expect(peer.speaker.received('probe')[0]?.attributes.asPath).toEqual([
      { kind: 'sequence', asNumbers: [65001, 65536] },
    ]);
  });

  test('§6: a malformed AS4_PATH is discarded', () => {
    const peer = new BytePeer().establish({ capabilities });
    peer.write(raw(2, updateBody([origin, path2, nextHop, attr(0xc0, 17, [2, 9, 0])])));
    expect(peer.speaker.received('probe')[0]?.attributes.asPath).toEqual([
      { kind: 'sequence', asNumbers: [65001, 23456] },
    ]);
  });

  test('§4.2.2: gets AS_TRANS and an AS4_PATH for numbers that need four octets', () => {
    const peer = new BytePeer({}, { asNumber: 4200000000 });
    peer.options = { ...peer.options, fourOctetAs: false };
    peer.establish({ capabilities });
    peer.take(peer.speaker.originate(mustPrefix('10.9.0.0/16')));
    const update = peer.sent.find(m => m.kind === 'update' && m.announced.bytes.length > 0);
    expect(update).toMatchObject({ attributes: { asPath: [{ kind: 'sequence', asNumbers: [4200000000] }] } });
  });
});
