import { type Ip4, mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { nlriList, Speaker } from '../src/index.ts';
import { asPath, attr, BASE, BytePeer, join, PROBE, raw, updateBody } from './byte-peer.ts';

/** A hostile peer, and one in the same speaker that does nothing wrong. */
function pair() {
  const speaker = new Speaker({ asNumber: 65000, routerId: mustIp('10.0.0.1') as Ip4 });
  const hostile = new BytePeer({}, {}, speaker);
  const innocent = new BytePeer(
    { id: 'innocent', remoteIp: mustIp('10.0.0.3'), remoteAs: 65003 },
    {},
    speaker,
  );
  innocent.open({ asNumber: 65003, id: '10.0.0.3' });
  innocent.write(raw(4, new Uint8Array(0)));
  innocent.announce('203.0.113.0/24', [65003]);
  const unharmed = () => {
    expect(speaker.peer('innocent')).toMatchObject({ state: 'Established', established: 1 });
    expect(speaker.received('innocent')).toHaveLength(1);
  };
  unharmed();
  return { speaker, hostile, unharmed };
}

const u16 = (value: number) => [value >> 8, value & 255];
const update = (
  attributes: readonly Uint8Array[],
  nlri: readonly number[] = PROBE,
  withdrawn: readonly number[] = [],
) => raw(2, updateBody(attributes, nlri, withdrawn));
const good = [BASE.origin, BASE.asPath, BASE.nextHop];
const segments = (count: number, kind: number) =>
  attr(0x50, 2, Array.from({ length: count }, (_, i) => [kind, 1, 0, 0, 253, i === 0 ? 233 : 234]).flat());
/** An OPEN with these optional parameters, as they stand. */
const open = (parameters: readonly number[], holdTime = 90, length = parameters.length) =>
  raw(1, join([4, 0xfd, 0xe9], u16(holdTime), [10, 0, 0, 2, length], parameters));
/** 2001:db8:1::/48 by 2001:db8::1. */
const REACH6 = attr(
  0x80,
  14,
  [0, 2, 1, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 48, 0x20, 1, 0xd, 0xb8, 0, 1],
);
const capabilities = (count: number, one: readonly number[]) =>
  Array.from({ length: count }, () => one).flat();

describe('a session that means harm ends, or loses a route, and harms nobody else', () => {
  test.each<[string, Uint8Array, string]>([
    [
      'an AS_PATH of 255 segments is a path like others',
      update([BASE.origin, segments(255, 2), BASE.nextHop]),
      'kept',
    ],
    [
      'confederation segments from outside are treated as withdraw (RFC 5065 §5)',
      update([BASE.origin, segments(2, 3), BASE.nextHop]),
      'withdrawn',
    ],
    [
      'an IPv4 prefix of 33 bits ends the session (RFC 4271 §6.3)',
      update(good, [33, 192, 0, 2, 0, 0]),
      '3/10',
    ],
    ['a withdrawn prefix of 255 bits ends the session', update([], [], [255, 1, 2, 3]), '3/10'],
    ['0.0.0.0/0 a thousand times is one route', update(good, new Array(1000).fill(0)), 'kept'],
    [
      'a prefix that is withdrawn and told at once is told (RFC 4271 §4.3)',
      update(good, PROBE, PROBE),
      'kept',
    ],
    [
      'an attribute list that claims more than there is ends the session',
      raw(2, join([0, 0, 255, 255], BASE.origin)),
      '3/1',
    ],
    [
      'withdrawn routes that claim more than there is end the session',
      raw(2, join([255, 255], PROBE, [0, 0])),
      '3/1',
    ],
    [
      'an attribute that claims more than the list is treated as withdraw (RFC 7606 §4)',
      update([...good, Uint8Array.of(0xc0, 8, 200, 1)]),
      'withdrawn',
    ],
    [
      'an attribute five hundred times counts once (RFC 7606 §3 g)',
      update([...good, ...new Array<Uint8Array>(500).fill(BASE.origin)]),
      'kept',
    ],
    ['MP_REACH_NLRI twice ends the session (RFC 7606 §3 g)', update([...good, REACH6, REACH6], []), '3/1'],
    [
      'an AS_PATH of nine hundred numbers is a path like others',
      update([
        BASE.origin,
        attr(
          0x50,
          2,
          [0, 1, 2, 3].flatMap(i => [
            2,
            225,
            ...new Array(225).fill([0, 0, 253, i === 0 ? 233 : 234]).flat(),
          ]),
        ),
        BASE.nextHop,
      ]),
      'kept',
    ],
    ['a NOTIFICATION without data ends it like any', raw(3, Uint8Array.of(6, 2)), 'ended'],
    ['a KEEPALIVE with a body is answered 1/2', raw(4, Uint8Array.of(0)), '1/2'],
    ['an empty MP_REACH_NLRI ends the session (RFC 7606 §5.2)', update([...good, attr(0x80, 14, [])]), '3/9'],
    ['a NOTIFICATION with four thousand octets is one', raw(3, join([6, 2], new Uint8Array(4000))), 'ended'],
    [
      'ROUTE-REFRESH for a family that nobody knows is ignored (RFC 2918 §4)',
      raw(5, Uint8Array.of(0x40, 0x04, 0, 200)),
      'kept',
    ],
    ['a length of 65535 is answered 1/2', raw(2, new Uint8Array(0), 65_535), '1/2'],
    ['a length of 0 is answered 1/2', raw(4, new Uint8Array(0), 0), '1/2'],
  ])('%s', (_what, bytes, expected) => {
    const { speaker, hostile, unharmed } = pair();
    hostile.establish();
    hostile.announce('192.0.2.0/24');
    hostile.write(bytes);
    const kept = speaker.received('probe').length > 0;
    const outcome = hostile.closed
      ? hostile.farewell === 'none'
        ? 'ended'
        : hostile.farewell.split(' ')[0]
      : kept
        ? 'kept'
        : 'withdrawn';
    expect(outcome).toBe(expected);
    unharmed();
  });

  test.each<[string, Uint8Array, string]>([
    ['a hold time of one second is refused', open([], 1), '2/6'],
    ['a hold time of two seconds is refused', open([], 2), '2/6'],
    ['126 times the same capability is one', open([2, 252, ...capabilities(126, [2, 0])]), 'OpenConfirm'],
    [
      '126 capabilities that nobody knows are ignored (RFC 5492 §4)',
      open([2, 252, ...capabilities(126, [200, 0])]),
      'OpenConfirm',
    ],
    ['a capability longer than its parameter is refused', open([2, 2, 65, 200]), '2/0'],
    ['a parameter longer than the OPEN is refused', open([2, 200, 1, 4]), '2/0'],
    [
      'an extended length that claims more than there is is refused (RFC 9072 §2)',
      open([255, 255, 255], 90, 255),
      '2/0',
    ],
    ['an unknown parameter is refused as such (RFC 4271 §6.2)', open([77, 0]), '2/4'],
  ])('%s', (_what, bytes, expected) => {
    const { speaker, hostile, unharmed } = pair();
    hostile.write(bytes);
    expect(hostile.closed ? hostile.farewell.split(' ')[0] : speaker.peer('probe')?.state).toBe(expected);
    unharmed();
  });

  test('thousands of ROUTE-REFRESHs from a peer that reads nothing are not answered one by one', () => {
    const { speaker, hostile, unharmed } = pair();
    hostile.establish();
    for (let i = 0; i < 500; i++) hostile.take(speaker.originate(mustPrefix(`10.${i >> 8}.${i & 255}.0/24`)));
    hostile.sent.length = 0;
    const ask = raw(5, Uint8Array.of(0, 1, 0, 1));
    const { connection } = hostile;
    hostile.take(speaker.handle({ kind: 'backlog', connection, bytes: 1 << 24 }, 0));
    for (let i = 0; i < 5_000; i++) hostile.write(ask);
    expect(hostile.sent.filter(({ kind }) => kind === 'update')).toEqual([]);
    hostile.take(speaker.handle({ kind: 'backlog', connection, bytes: 0 }, 0));
    const told = hostile.sent.flatMap(m => (m.kind === 'update' ? nlriList(m.announced) : []));
    expect(told).toHaveLength(501);
    unharmed();
  });

  test('octets that come one by one are the same as all at once', () => {
    const { speaker, hostile, unharmed } = pair();
    hostile.establish();
    for (const octet of update([BASE.origin, asPath(65001, 65002), BASE.nextHop]))
      hostile.write(Uint8Array.of(octet));
    expect(speaker.received('probe')).toHaveLength(1);
    expect(hostile.closed).toBe(false);
    unharmed();
  });

  test('ten thousand calls in its name leave one session, and none in memory', () => {
    const { speaker, hostile, unharmed } = pair();
    hostile.establish();
    const open = new Set<string>();
    for (let i = 0; i < 10_000; i++) {
      const connection = `flood-${i}`;
      open.add(connection);
      const [localIp, remoteIp] = [mustIp('10.0.0.1'), mustIp('10.0.0.2')];
      for (const output of speaker.handle({ kind: 'accepted', connection, localIp, remoteIp }, i))
        if (output.kind === 'close') open.delete(output.connection);
      if (i % 3 === 0 && open.delete(connection)) speaker.handle({ kind: 'closed', connection }, i);
    }
    expect(open.size).toBeLessThanOrEqual(1);
    expect(speaker.peer('probe')?.state).toBe('Established');
    unharmed();
  });
});
