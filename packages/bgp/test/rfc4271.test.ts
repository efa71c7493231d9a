import { type Ip4, mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { type Capability, encodeMessage, Framer, KEEPALIVE, PLAIN_OPTIONS } from '../src/index.ts';
import { asPath, attr, BASE, BytePeer, hex, join, PROBE, raw, updateBody } from './byte-peer.ts';

const none = new Uint8Array(0);
const goodUpdate = raw(2, updateBody([BASE.origin, BASE.asPath, BASE.nextHop]));

describe('message headers (RFC 4271 §6.1)', () => {
  test.each([
    [
      'a marker that is not all ones is answered 1/1',
      join(new Array(15).fill(0xff), [0xfe], [0, 19, 4]),
      '1/1',
    ],
    ['a wrong marker is answered before the message is complete', hex('ffff00'), '1/1'],
    ['a length of 18 is answered 1/2 with the length', raw(4, none, 18), '1/2 0012'],
    ['a length of 4097 is answered 1/2 with the length', raw(2, none, 4097), '1/2 1001'],
    ['a KEEPALIVE of 20 octets is answered 1/2', raw(4, Uint8Array.of(0)), '1/2 0014'],
    ['an UPDATE of 22 octets is answered 1/2', raw(2, new Uint8Array(3)), '1/2 0016'],
    ['a NOTIFICATION of 20 octets is answered 1/2', raw(3, new Uint8Array(1)), '1/2 0014'],
    ['an OPEN of 28 octets is answered 1/2', raw(1, new Uint8Array(9)), '1/2 001c'],
    ['message type 0 is answered 1/3 with the type', raw(0, none), '1/3 00'],
    ['message type 6 is answered 1/3 with the type', raw(6, none), '1/3 06'],
    ['message type 255 is answered 1/3 with the type', raw(255, none), '1/3 ff'],
  ] as const)('%s', (_name, bytes, expected) => {
    const peer = new BytePeer().establish();
    peer.write(bytes);
    expect(peer.farewell).toBe(expected);
    expect(peer.closed).toBe(true);
    expect(peer.speaker.routes('ipv4-unicast')).toEqual([]);
  });

  test('RFC 8654 §4: a message of 5000 octets is fine when both sides agreed', () => {
    const capabilities: Capability[] = [
      { kind: 'multiprotocol', value: { afi: 1, safi: 1 } },
      { kind: 'fourOctetAs', value: 65001 },
      { kind: 'extendedMessage', value: true },
    ];
    const peer = new BytePeer().establish({ capabilities });
    const communities = attr(0xd0, 8, new Array(4900).fill(1));
    peer.write(raw(2, updateBody([BASE.origin, BASE.asPath, BASE.nextHop, communities])));
    expect(peer.state).toBe('Established');
    expect(peer.speaker.routes('ipv4-unicast')).toHaveLength(1);
  });
});

describe('OPEN (RFC 4271 §6.2)', () => {
  const openBody = (tail: string, head = '04 fde9 005a 0a000002') => raw(1, join(hex(head), hex(tail)));
  test.each([
    [
      'version 3 is answered 2/1 with the version we speak',
      openBody('00', '03 fde9 005a 0a000002'),
      '2/1 0004',
    ],
    [
      'version 5 is answered 2/1 with the version we speak',
      openBody('00', '05 fde9 005a 0a000002'),
      '2/1 0004',
    ],
    ['another AS than configured is answered 2/2', openBody('00', '04 fde8 005a 0a000002'), '2/2'],
    ['RFC 7607: AS 0 is answered 2/2', openBody('00', '04 0000 005a 0a000002'), '2/2'],
    ['router ID 0.0.0.0 is answered 2/3', openBody('00', '04 fde9 005a 00000000'), '2/3'],
    ['hold time 1 is answered 2/6', openBody('00', '04 fde9 0001 0a000002'), '2/6'],
    ['hold time 2 is answered 2/6', openBody('00', '04 fde9 0002 0a000002'), '2/6'],
    ['an unknown optional parameter is answered 2/4', openBody('04 01 02 0000'), '2/4'],
    ['optional parameters beyond the message are answered 2/0', openBody('09 02 02 0200'), '2/0'],
    ['octets after the optional parameters are answered 2/0', openBody('00 0202'), '2/0'],
    ['an optional parameter that is cut off is answered 2/0', openBody('04 02 09 0200'), '2/0'],
    ['RFC 5492: a capability that overruns its parameter is answered 2/0', openBody('04 02 02 0209'), '2/0'],
    [
      'RFC 6793: a four-octet AS capability of two octets is answered 2/0',
      openBody('06 02 04 4102 fde9'),
      '2/0',
    ],
    [
      'RFC 4760: no common address family is answered 2/7 with ours',
      openBody('08 02 06 0104 00190046'),
      '2/7 010400010001010400020001',
    ],
    [
      'RFC 9072: extended parameters that overrun are answered 2/0',
      openBody('ff ff 0009 02 0002 0200'),
      '2/0',
    ],
  ] as const)('%s', (_name, bytes, expected) => {
    const peer = new BytePeer();
    peer.write(bytes);
    expect(peer.farewell).toBe(expected);
    expect(peer.closed).toBe(true);
  });

  test.each([
    ['no capabilities at all are fine: IPv4 unicast and two-octet AS', openBody('00')],
    ['an unknown capability is ignored', openBody('06 02 04 f002 abcd')],
    ['a malformed host name, which is only for display, is ignored', openBody('06 02 04 4902 40ab')],
    ['several capabilities in one parameter are fine', openBody('0e 02 0c 0104 00010001 4104 0000fde9')],
    [
      'several parameters with one capability each are fine',
      openBody('10 02 06 0104 00010001 02 06 4104 0000fde9'),
    ],
    ['the same capability twice is fine', openBody('10 02 06 0104 00010001 02 06 0104 00010001')],
    ['RFC 9072: extended optional parameters are read', openBody('ff ff 0009 02 0006 0104 00010001')],
    [
      'RFC 9072 §2: the extended form is recognised whatever the old length says',
      openBody('01 ff 0009 02 0006 0104 00010001'),
    ],
    ['hold time 0 is fine', openBody('00', '04 fde9 0000 0a000002')],
    ['hold time 3 is fine', openBody('00', '04 fde9 0003 0a000002')],
  ] as const)('%s', (_name, bytes) => {
    const peer = new BytePeer();
    peer.write(bytes);
    expect(peer.sent.at(-1)).toEqual(KEEPALIVE);
    expect(peer.state).toBe('OpenConfirm');
  });

  test('RFC 6286 §2.1: the same router ID is fine between two ASes', () => {
    expect(new BytePeer().establish({ id: '10.0.0.1' }).state).toBe('Established');
  });

  test('RFC 6286 §2.2: the same router ID inside an AS is answered 2/3', () => {
    const peer = new BytePeer({ remoteAs: 65000 }).open({ asNumber: 65000, id: '10.0.0.1' });
    expect(peer.farewell).toBe('2/3');
  });

  test('RFC 9072: more than 255 octets of capabilities are written in the extended form and read back', () => {
    const capabilities: Capability[] = Array.from({ length: 60 }, (_, i) => ({
      kind: 'unknown' as const,
      code: 200,
      value: Uint8Array.of(i, 0, 0, 0),
    }));
    const open = {
      kind: 'open',
      version: 4,
      asNumber: 1,
      holdTime: 90,
      identifier: mustIp('1.1.1.1') as Ip4,
      capabilities,
    } as const;
    const bytes = encodeMessage(open, PLAIN_OPTIONS);
    expect([...bytes.subarray(28, 30)]).toEqual([255, 255]);
    const peer = new BytePeer({ remoteAs: 1 });
    peer.write(bytes);
    expect(peer.state).toBe('OpenConfirm');
  });

  test('RFC 9234 §4.2: roles that do not fit are answered 2/11', () => {
    const peer = new BytePeer({ role: 'provider' });
    peer.open({ capabilities: [{ kind: 'role', value: 4 }] });
    expect(peer.farewell).toBe('2/11');
  });
});

describe('unexpected messages (RFC 6608)', () => {
  test.each([
    ['KEEPALIVE', raw(4, none), '5/1 04'],
    ['UPDATE', goodUpdate, '5/1 02'],
    ['ROUTE-REFRESH', raw(5, hex('00010001')), '5/1 05'],
  ] as const)('%s in OpenSent is answered 5/1', (_name, bytes, expected) => {
    const peer = new BytePeer();
    peer.write(bytes);
    expect(peer.farewell).toBe(expected);
  });

  test.each([
    [
      'OPEN',
      encodeMessage(
        {
          kind: 'open',
          version: 4,
          asNumber: 65001,
          holdTime: 90,
          identifier: mustIp('10.0.0.2') as Ip4,
          capabilities: [],
        },
        PLAIN_OPTIONS,
      ),
      '5/2 01',
    ],
    ['UPDATE', goodUpdate, '5/2 02'],
    ['a malformed UPDATE', raw(2, hex('ffff0000')), '5/2 02'],
    ['ROUTE-REFRESH', raw(5, hex('00010001')), '5/2 05'],
  ] as const)('%s in OpenConfirm is answered 5/2', (_name, bytes, expected) => {
    const peer = new BytePeer().open();
    peer.write(bytes);
    expect(peer.farewell).toBe(expected);
  });

  test('a second OPEN in Established is answered 5/3', () => {
    const peer = new BytePeer().establish();
    peer.open();
    expect(peer.farewell).toBe('5/3 01');
  });
});

describe('timers (RFC 4271 §6.5, §10; RFC 9687)', () => {
  const fire = (peer: BytePeer, id: string, now: number) =>
    peer.take(peer.speaker.handle({ kind: 'timer', id }, now));

  test('silence for the hold time is answered 4/0', () => {
    const peer = new BytePeer({ holdTime: 9 }).establish();
    fire(peer, 'first/hold/probe', 9000);
    expect(peer.farewell).toBe('4/0');
  });

  test('a timer that fires early does nothing but is asked for again', () => {
    const peer = new BytePeer({ holdTime: 9 }).establish();
    const outputs = fire(peer, 'first/hold/probe', 5000);
    expect(outputs).toEqual([{ kind: 'setTimer', id: 'first/hold/probe', at: 9000 }]);
    expect(peer.state).toBe('Established');
  });

  test('every message restarts the hold timer', () => {
    const peer = new BytePeer({ holdTime: 9 }).establish();
    peer.now = 8000;
    peer.say(KEEPALIVE);
    fire(peer, 'first/hold/probe', 9000);
    expect(peer.state).toBe('Established');
    fire(peer, 'first/hold/probe', 17_000);
    expect(peer.farewell).toBe('4/0');
  });

  test('hold time 0 sets no timers', () => {
    const peer = new BytePeer().establish({ holdTime: 0 });
    expect(fire(peer, 'first/hold/probe', 1e9)).toEqual([]);
    expect(peer.state).toBe('Established');
  });

  test('a peer that reads nothing for the send hold time is answered 8/0', () => {
    const peer = new BytePeer({ sendHoldTime: 20 }).establish();
    const backlog = (bytes: number, now: number) =>
      peer.take(peer.speaker.handle({ kind: 'backlog', connection: peer.connection, bytes }, now));
    backlog(1000, 1000);
    backlog(900, 2000);
    fire(peer, 'first/sendHold/probe', 21_000);
    expect(peer.state).toBe('Established');
    fire(peer, 'first/sendHold/probe', 22_000);
    expect(peer.farewell).toBe('8/0');
  });
});

describe('ROUTE-REFRESH (RFC 2918, RFC 7313)', () => {
  test('sends the routes of the family again', () => {
    const peer = new BytePeer().establish();
    peer.take(peer.speaker.originate(mustPrefix('10.9.0.0/16')));
    peer.sent.length = 0;
    peer.write(raw(5, hex('00010001')));
    expect(peer.sent.filter(m => m.kind === 'update' && m.announced.bytes.length > 0)).toHaveLength(1);
  });

  test.each([
    ['of 20 octets', raw(5, hex('00'))],
    ['of 24 octets', raw(5, hex('0001000100'))],
  ])('%s is answered 7/1 with the whole message', (_name, bytes) => {
    const peer = new BytePeer().establish();
    peer.write(bytes);
    expect(peer.farewell).toBe(`7/1 ${[...bytes].map(b => b.toString(16).padStart(2, '0')).join('')}`);
  });

  const enhanced: Capability[] = [
    { kind: 'multiprotocol', value: { afi: 1, safi: 1 } },
    { kind: 'routeRefresh', value: true },
    { kind: 'enhancedRefresh', value: true },
    { kind: 'fourOctetAs', value: 65001 },
  ];

  test('RFC 7313 §4: what we send again stands between a beginning and an end', () => {
    const peer = new BytePeer().establish({ capabilities: enhanced });
    peer.take(peer.speaker.originate(mustPrefix('10.9.0.0/16')));
    peer.sent.length = 0;
    peer.write(raw(5, hex('00010001')));
    expect(peer.sent.map(m => (m.kind === 'route-refresh' ? m.subtype : m.kind))).toEqual([1, 'update', 2]);
  });

  test('RFC 7313 §4: what the peer does not send again is gone at the end', () => {
    const peer = new BytePeer().establish({ capabilities: enhanced });
    peer.announce('10.1.0.0/16');
    peer.announce('10.2.0.0/16');
    peer.write(raw(5, hex('00010101')));
    peer.announce('10.2.0.0/16');
    expect(peer.speaker.routes('ipv4-unicast')).toHaveLength(2);
    peer.write(raw(5, hex('00010201')));
    expect(peer.speaker.routes('ipv4-unicast').map(r => r.prefix)).toEqual([mustPrefix('10.2.0.0/16')]);
  });

  test('for a family that was not agreed on is ignored', () => {
    const peer = new BytePeer().establish();
    peer.write(raw(5, hex('00190046')));
    expect(peer.state).toBe('Established');
  });

  test('of an unknown subtype is ignored', () => {
    const peer = new BytePeer().establish();
    peer.write(raw(5, hex('00017701')));
    expect(peer.state).toBe('Established');
  });
});

describe('Cease (RFC 4486, RFC 9003)', () => {
  test('a shut down peer is told why', () => {
    const peer = new BytePeer().establish();
    const config = {
      id: 'probe',
      remoteIp: mustIp('10.0.0.2'),
      remoteAs: 65001,
      passive: true,
      gracefulRestartTime: 0,
    } as const;
    peer.take(peer.speaker.setPeer({ ...config, enabled: false, shutdownText: 'rack 7 moves' }));
    const text = [...'rack 7 moves'].map(c => c.charCodeAt(0).toString(16)).join('');
    expect(peer.farewell).toBe(`6/2 0c${text}`);
    expect(peer.speaker.peers()[0]?.lastError).toBe('shut down by the operator: rack 7 moves');
  });

  test('a removed peer is told 6/3', () => {
    const peer = new BytePeer().establish();
    peer.take(peer.speaker.removePeer('probe'));
    expect(peer.farewell).toBe('6/3');
    expect(peer.speaker.peers()).toEqual([]);
  });

  test('what a peer says on leaving is shown', () => {
    const peer = new BytePeer().establish();
    peer.write(raw(3, join([6, 2, 5], hex('6861 6c6c 6f'))));
    expect(peer.lastError).toBe('the peer ended the session: Cease: Administrative Shutdown (6/2) “hallo”');
    expect(peer.farewell).toBe('none');
  });

  test('a stranger who calls is told 6/5', () => {
    const { speaker } = new BytePeer();
    const ip = mustIp('10.0.0.99');
    const outputs = speaker.handle({ kind: 'accepted', connection: 'x', localIp: ip, remoteIp: ip }, 0);
    expect(outputs.map(o => o.kind)).toEqual(['send', 'close']);
  });

  test('too many prefixes are answered 6/1 (RFC 4271 §6.7)', () => {
    const peer = new BytePeer({ prefixLimit: { 'ipv4-unicast': { most: 2 } } }).establish();
    for (const n of [1, 2, 3]) peer.announce(`10.${n}.0.0/16`);
    expect(peer.farewell).toBe('6/1');
    expect(peer.speaker.routes('ipv4-unicast')).toEqual([]);
    expect(peer.lastError).toBe('the peer sent 3 ipv4-unicast routes, 2 are allowed');
  });
});

describe('routing (RFC 4271 §9)', () => {
  test('§9.1.2: a route with our own AS in its path is not used, and says so', () => {
    const peer = new BytePeer().establish();
    peer.announce('192.0.2.0/24', [65001, 65000]);
    expect(peer.speaker.explain(mustPrefix('192.0.2.0/24'))).toMatchObject({
      winner: undefined,
      lost: [{ lostBecause: 'as-loop' }],
    });
  });

  test('§9.1.2: with allowAsIn it is used', () => {
    const peer = new BytePeer({ allowAsIn: 1 }).establish();
    peer.announce('192.0.2.0/24', [65001, 65000]);
    expect(peer.speaker.routes('ipv4-unicast')).toHaveLength(1);
  });

  test('§5.1.2, §5.1.3, §5.1.4: towards another AS the path is prepended, the next hop is ours and MED stays behind', () => {
    const from = new BytePeer().establish();
    const { speaker } = from;
    const to = new BytePeer({ id: 'to', remoteIp: mustIp('10.0.0.3'), remoteAs: 65002 }, {}, speaker);
    to.open({ asNumber: 65002, id: '10.0.0.3' });
    to.say(KEEPALIVE);
    to.sent.length = 0;
    to.take(
      from.write(
        raw(2, updateBody([BASE.origin, asPath(65001, 7), BASE.nextHop, attr(0x80, 4, [0, 0, 0, 9])], PROBE)),
      ),
    );
    expect(to.sent).toHaveLength(1);
    expect(to.sent[0]).toMatchObject({
      attributes: {
        asPath: [{ kind: 'sequence', asNumbers: [65000, 65001, 7] }],
        nextHop: { ip: mustIp('10.0.0.1') },
      },
    });
    expect(to.sent[0]).not.toHaveProperty('attributes.med');
  });

  test.each([
    ['no-export', 0xffffff01],
    ['no-advertise', 0xffffff02],
    ['no-export', 0xffffff03],
  ])('RFC 1997: %s is honoured', (because, community) => {
    const from = new BytePeer().establish();
    const { speaker } = from;
    const to = new BytePeer({ id: 'to', remoteIp: mustIp('10.0.0.3'), remoteAs: 65002 }, {}, speaker);
    to.open({ asNumber: 65002, id: '10.0.0.3' });
    to.say(KEEPALIVE);
    to.sent.length = 0;
    from.announce('192.0.2.0/24', [65001], { communities: [community] });
    expect(speaker.advertised('to')).toEqual([]);
    expect(speaker.explain(mustPrefix('192.0.2.0/24')).withheld).toContainEqual({ peer: 'to', because });
  });

  test('RFC 8326 §4: a route that is about to go is used last', () => {
    const peer = new BytePeer().establish();
    peer.announce('192.0.2.0/24', [65001], { communities: [0xffff0000] });
    expect(peer.speaker.routes('ipv4-unicast')[0]?.attributes.localPref).toBe(0);
  });
});

describe('a stream that is cut anywhere', () => {
  test('gives the same messages', () => {
    const stream = join(raw(4, none), goodUpdate, raw(3, Uint8Array.of(6, 2)));
    for (let size = 1; size <= stream.length; size++) {
      const framer = new Framer();
      const types: number[] = [];
      for (let at = 0; at < stream.length; at += size) {
        framer.push(stream.slice(at, at + size));
        for (let frame = framer.next(); frame !== undefined; frame = framer.next()) {
          if ('type' in frame) types.push(frame.type);
        }
      }
      expect(types).toEqual([4, 2, 3]);
    }
  });
});
