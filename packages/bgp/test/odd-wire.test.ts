import { formatPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { codesOf } from '../src/wire/capability.ts';
import { type Capability, type PeerConfig, type RouteFamily, showAsPath } from '../src/index.ts';
import { asPath, attr, BASE, BytePeer, join, PROBE, probe, raw, updateBody } from './byte-peer.ts';

const u16 = (value: number) => [value >> 8, value & 0xff];
const u32 = (value: number) => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
const update = (
  attributes: readonly Uint8Array[],
  nlri: readonly number[] = PROBE,
  withdrawn: readonly number[] = [],
) => raw(2, updateBody(attributes, nlri, withdrawn));
const good = [BASE.origin, BASE.asPath, BASE.nextHop];
const KEEPALIVE = raw(4, new Uint8Array(0));

/** 2001:db8:1::/48 by 2001:db8::2. */
const V6 = [48, 0x20, 1, 0xd, 0xb8, 0, 1];
const HOP6 = [0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), 2];
const LINK_LOCAL = [0xfe, 0x80, ...new Array<number>(13).fill(0), 2];
const reach = (hop: readonly number[], nlri: readonly number[], family: RouteFamily = 'ipv6-unicast') =>
  attr(hop.length + nlri.length > 240 ? 0x90 : 0x80, 14, [
    ...u16(codesOf(family).afi),
    ...[1, hop.length, ...hop, 0, ...nlri],
  ]);
const unreach = (nlri: readonly number[]) => attr(0x80, 15, [...u16(2), 1, ...nlri]);

const CAPABILITIES: readonly Capability[] = [
  { kind: 'multiprotocol', value: { afi: 1, safi: 1 } },
  { kind: 'multiprotocol', value: { afi: 2, safi: 1 } },
  ...([
    { kind: 'routeRefresh', value: true },
    { kind: 'enhancedRefresh', value: true },
  ] as const),
  { kind: 'fourOctetAs', value: 65001 },
];

/** What stands after these messages: the prefixes told, or how the session ended. */
function after(
  messages: readonly Uint8Array[],
  config: Partial<PeerConfig> = {},
  capabilities: readonly Capability[] = [],
): string {
  const peer = new BytePeer(config).establish({ capabilities: [...CAPABILITIES, ...capabilities] });
  for (const message of messages) peer.write(message);
  if (peer.closed) return `R ${peer.farewell.split(' ')[0]}`;
  const told = peer.speaker.received('probe').map(route => formatPrefix(route.prefix));
  return told.sort().join(' ');
}

describe('each combination of attribute flags', () => {
  // Code, a good value, its right flags.
  const known: readonly (readonly [code: number, value: readonly number[], flags: number])[] = [
    [1, [0], 0x40],
    [2, [2, 1, ...u32(65001)], 0x40],
    [3, [10, 0, 0, 2], 0x40],
    [4, u32(5), 0x80],
    [6, [], 0x40],
    [7, [...u32(65001), 10, 0, 0, 2], 0xc0],
    [8, [0xfd, 0xe9, 0, 1], 0xc0],
    [16, [0, 2, 0xfd, 0xe9, 0, 0, 0, 1], 0xc0],
    [32, [...u32(65001), ...u32(1), ...u32(2)], 0xc0],
    [35, u32(64999), 0xc0],
  ];
  const FLAGS = Array.from({ length: 16 }, (_, i) => i << 4);

  test.each(known)(
    'of attribute %i: two bits decide, the others change nothing (RFC 7606 §3 c)',
    (code, value, right) => {
      for (const flags of FLAGS)
        for (const low of [0, 0xf]) {
          const others = good.filter(([, known]) => known !== code);
          const { outcome } = probe(update([...others, attr(flags | low, code, value)]));
          expect([flags | low, outcome]).toEqual([flags | low, (flags & 0xc0) === right ? 'ok' : 'W']);
        }
    },
  );

  test.each([0, 13, 21, 99, 255])(
    'of unknown attribute %i: without the optional bit it ends the session (RFC 4271 §6.3)',
    code => {
      for (const flags of FLAGS) {
        const { outcome } = probe(update([...good, attr(flags, code, [1, 2, 3])]));
        expect([flags, outcome]).toEqual([flags, (flags & 0x80) === 0 ? 'R 3/2' : 'ok']);
      }
    },
  );
});

test('a whole session means the same wherever its octets are parted', () => {
  const parameters = [2, 6, 1, 4, 0, 1, 0, 1, 2, 6, 1, 4, 0, 2, 0, 1, 2, 6, 65, 4, ...u32(65001)];
  const open = raw(1, join([4], u16(65001), u16(90), [10, 0, 0, 2, parameters.length], parameters));
  const six = update([BASE.origin, BASE.asPath, reach(HOP6, V6)], []);
  const all = join(open, KEEPALIVE, update(good), KEEPALIVE, six, update([], [], PROBE), update(good, [0]));
  for (let at = 0; at <= all.length; at++) {
    const peer = new BytePeer();
    peer.write(all.subarray(0, at));
    peer.write(all.subarray(at));
    const told = peer.speaker.received('probe').map(route => formatPrefix(route.prefix));
    expect([at, peer.state, told]).toEqual([at, 'Established', ['0.0.0.0/0', '2001:db8:1::/48']]);
  }
});

describe('route refreshes out of order (RFC 7313 §4)', () => {
  const begin = raw(5, Uint8Array.of(0, 1, 1, 1));
  const end = raw(5, Uint8Array.of(0, 1, 2, 1));
  const [begin6, end6] = [raw(5, Uint8Array.of(0, 2, 1, 1)), raw(5, Uint8Array.of(0, 2, 2, 1))];
  const [first, again] = [update(good, [...PROBE, 24, 198, 51, 100]), update(good)];
  test.each<readonly [what: string, messages: readonly Uint8Array[], left: string]>([
    ['an end without a beginning takes nothing', [end], '192.0.2.0/24 198.51.100.0/24'],
    ['a beginning alone takes nothing', [begin], '192.0.2.0/24 198.51.100.0/24'],
    ['a second beginning begins anew', [begin, again, begin, end], ''],
    ['a second end takes no more', [begin, again, end, end], '192.0.2.0/24'],
    ['the end of another family takes nothing', [begin, end6], '192.0.2.0/24 198.51.100.0/24'],
    ['the beginning of another family does not count', [begin6, end], '192.0.2.0/24 198.51.100.0/24'],
  ])('%s', (_what, messages, left) => {
    expect(after([first, ...messages])).toBe(left);
  });
});

describe('AS4_PATH and AS4_AGGREGATOR from a two-octet speaker (RFC 6793 §4.2.3, §6)', () => {
  const path = attr(0x40, 2, [2, 2, ...u16(65001), ...u16(23456)]);
  const segment = (kind: number, ...as: readonly number[]) => [kind, as.length, ...as.flatMap(u32)];
  const as4 = (value: readonly number[]) => attr(0xc0, 17, value);
  const aggregator = (as: number) => attr(0xc0, 7, [...u16(as), 1, 1, 1, 1]);
  const as4Aggregator = attr(0xc0, 18, [...u32(70_000), 1, 1, 1, 1]);
  test.each<readonly [what: string, attributes: readonly Uint8Array[], path: string, by: number]>([
    ['the numbers that were too large come back', [as4(segment(2, 70_000))], '65001 70000', 0],
    ['a path longer than AS_PATH is ignored', [as4(segment(2, 1, 2, 3))], '65001 23456', 0],
    [
      'confederation segments are left out',
      [as4([...segment(3, 64512), ...segment(2, 70_000)])],
      '65001 70000',
      0,
    ],
    ['one that is cut off is ignored', [as4([2, 1, 0, 1])], '65001 23456', 0],
    ['an unknown segment kind is ignored', [as4(segment(9, 70_000))], '65001 23456', 0],
    ['an empty segment is ignored', [as4([2, 0])], '65001 23456', 0],
    [
      'an AGGREGATOR that says its AS says that both copies are old',
      [as4(segment(2, 70_000)), aggregator(64_999), as4Aggregator],
      '65001 23456',
      64_999,
    ],
    [
      'an AGGREGATOR of AS_TRANS is made whole',
      [as4(segment(2, 70_000)), aggregator(23_456), as4Aggregator],
      '65001 70000',
      70_000,
    ],
    ['a copy of no AGGREGATOR is none', [as4(segment(2, 70_000)), as4Aggregator], '65001 70000', 0],
  ])('%s', (_what, attributes, expected, by) => {
    const peer = new BytePeer().open({
      capabilities: [{ kind: 'multiprotocol', value: { afi: 1, safi: 1 } }],
    });
    peer.write(KEEPALIVE);
    peer.write(update([BASE.origin, path, BASE.nextHop, ...attributes]));
    const [route] = peer.speaker.received('probe');
    expect(showAsPath(route?.attributes.asPath ?? [])).toBe(expected);
    expect(route?.attributes.aggregator?.asNumber ?? 0).toBe(by);
  });
});

describe('MP_REACH_NLRI and MP_UNREACH_NLRI', () => {
  const six = [BASE.origin, BASE.asPath];
  const hop = (length: number) =>
    [...HOP6, ...LINK_LOCAL, ...new Array<number>(224).fill(1)].slice(0, length);
  const lengths = [0, 1, 4, 8, 12, 15, 16, 17, 20, 24, 31, 32, 33, 48, 64, 255];

  test('an IPv6 next hop has 16 or 32 octets, any other length ends the session (RFC 2545 §3, RFC 7606 §7.11)', () => {
    const outcomes = lengths.map(length => [length, after([update([...six, reach(hop(length), V6)], [])])]);
    expect(outcomes).toEqual(
      lengths.map(length => [length, length === 16 || length === 32 ? '2001:db8:1::/48' : 'R 3/9']),
    );
  });

  test('an IPv4 route has a next hop of 4, or where agreed on 16 or 32 octets (RFC 8950 §4)', () => {
    const told = (length: number, agreed: boolean) =>
      after(
        [update([...six, reach(length === 4 ? [10, 0, 0, 2] : hop(length), PROBE, 'ipv4-unicast')], [])],
        { extendedNextHop: agreed },
        [{ kind: 'extendedNextHop', value: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }],
      );
    const expected = (length: number, agreed: boolean) =>
      length === 4 || (agreed && (length === 16 || length === 32)) ? '192.0.2.0/24' : 'R 3/9';
    for (const agreed of [true, false])
      expect(lengths.map(length => told(length, agreed))).toEqual(lengths.map(l => expected(l, agreed)));
  });

  test('a prefix in both is told, in whichever order they stand (RFC 4271 §4.3)', () => {
    const [told, gone] = [reach(HOP6, V6), unreach(V6)];
    expect(after([update([gone, ...six, told], [])])).toBe('2001:db8:1::/48');
    expect(after([update([told, gone, ...six], [])])).toBe('2001:db8:1::/48');
    expect(after([update([told, ...six], []), update([gone], [])])).toBe('');
    expect(after([update([told, ...six, BASE.nextHop], PROBE)])).toBe('192.0.2.0/24 2001:db8:1::/48');
  });
});

describe('path identifiers (RFC 7911 §3)', () => {
  const both = (mode: number): Capability => ({
    ...{ kind: 'addPath' },
    value: [
      { afi: 1, safi: 1, mode },
      { afi: 2, safi: 1, mode },
    ],
  });
  const told = (...messages: readonly Uint8Array[]) =>
    after(messages, { addPath: { receive: true, send: true } }, [both(3)]);
  const by = (id: number, nlri: readonly number[]) => [...u32(id), ...nlri];
  const TWICE = '192.0.2.0/24 192.0.2.0/24';

  test('tell paths to one prefix apart, 0 and 2³² − 1 among them', () => {
    expect(told(update(good, [...by(0, PROBE), ...by(0xffff_ffff, PROBE)]))).toBe(TWICE);
    expect(told(update(good, [...by(1, PROBE), ...by(1, PROBE)]))).toBe('192.0.2.0/24');
  });

  test('are withdrawn one by one', () => {
    const two = update(good, [...by(1, PROBE), ...by(2, PROBE)]);
    expect(told(two, update([], [], by(3, PROBE)))).toBe(TWICE);
    expect(told(two, update([], [], by(2, PROBE)))).toBe('192.0.2.0/24');
    expect(told(two, update(good, by(3, PROBE), by(1, PROBE)))).toBe(TWICE);
  });

  test('of one family mean nothing in the other', () => {
    const four = update(good, by(7, PROBE));
    const six = update([BASE.origin, asPath(65001), reach(HOP6, by(7, V6))], []);
    expect(told(four, six, update([unreach(by(7, V6))], []))).toBe('192.0.2.0/24');
  });

  test('are where they were agreed on, and nowhere else', () => {
    expect(told(update(good))).toBe('R 3/10');
    const receiving = { addPath: { receive: true, send: true } };
    expect(after([update(good)], receiving, [both(1)])).toBe('192.0.2.0/24');
  });
});
