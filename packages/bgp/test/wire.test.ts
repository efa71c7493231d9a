import { formatPrefix, type Ip4, mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ALL_FAMILIES,
  announcement,
  asSequence,
  CAPABILITIES,
  decodeMessage,
  encodeMessage,
  endOfRib,
  endOfRibMarker,
  Framer,
  linkBandwidth,
  linkBandwidthCommunity,
  type Message,
  type NlriBlock,
  nlriList,
  type PathAttributes,
  PLAIN_OPTIONS,
  packNlri,
  parseCommunity,
  ROUTE_FAMILIES,
  showAttributes,
  type UpdateMessage,
  type WireOptions,
  withdrawal,
} from '../src/index.ts';
import { ATTRIBUTES } from '../src/wire/attributes.ts';
import { mergeAs4Path } from '../src/wire/as-path.ts';
import { nextHopFromBytes } from '../src/wire/next-hop.ts';
import { utf8Bytes, utf8Text } from '../src/wire/utf8.ts';
import { attr, BASE, BytePeer, hex, raw, updateBody } from './byte-peer.ts';

const ip4 = (text: string) => mustIp(text) as Ip4;
const none = packNlri('ipv4-unicast', []);
const update = (
  attributes: PathAttributes,
  prefixes: readonly string[],
  withdrawn: readonly string[] = [],
): Message => ({
  kind: 'update',
  announced: packNlri(
    'ipv4-unicast',
    prefixes.map(p => ({ prefix: mustPrefix(p), pathId: 0 })),
  ),
  withdrawn: packNlri(
    'ipv4-unicast',
    withdrawn.map(p => ({ prefix: mustPrefix(p), pathId: 0 })),
  ),
  attributes,
  faults: [],
});
const base = {
  origin: 'igp',
  asPath: [{ kind: 'sequence', asNumbers: [65001] }],
  nextHop: { ip: ip4('10.0.0.2') },
} as const;
/** ORIGIN IGP, AS_PATH 65001, NEXT_HOP 10.0.0.2. */
const BASE_HEX = '40010100 4002060201 0000fde9 400304 0a000002';
const addPath: WireOptions = { ...PLAIN_OPTIONS, addPath: { 'ipv4-unicast': true, 'ipv6-unicast': true } };

/** Hexadecimal with lengths left to the machine: `1{…}` and `2{…}` put a length of that many octets before the braces. */
function octets(text: string): Uint8Array {
  const inner = /([12])\{([^{}]*)\}/;
  let flat = text;
  for (let found = inner.exec(flat); found !== null; found = inner.exec(flat)) {
    const digits = (found[2] as string).replace(/\s+/g, '');
    const length = (digits.length / 2).toString(16).padStart(2 * Number(found[1]), '0');
    flat = flat.slice(0, found.index) + length + digits + flat.slice(found.index + found[0].length);
  }
  return hex(flat);
}

const digitsOf = (bytes: Uint8Array) => [...bytes].map(b => b.toString(16).padStart(2, '0')).join('');

/** Each vector is type and body; it is decoded, encoded and decoded again. */
const ROWS: readonly (readonly [string, string, Message, WireOptions?])[] = [
  ['KEEPALIVE', '04', { kind: 'keepalive' }],
  ['NOTIFICATION', '03 0602 0161', { kind: 'notification', code: 6, subcode: 2, data: hex('0161') }],
  ['ROUTE-REFRESH', '05 0002 00 01', { kind: 'route-refresh', afi: 2, safi: 1, subtype: 0 }],
  [
    'OPEN without capabilities',
    '01 04 fde9 005a 0a000002 00',
    {
      kind: 'open',
      version: 4,
      asNumber: 65001,
      holdTime: 90,
      identifier: ip4('10.0.0.2'),
      capabilities: [],
    },
  ],
  [
    'OPEN with every capability',
    '01 04 5ba0 00b4 0a000002 1{02 1{ 01 1{00010001} 01 1{00020001} 02 1{} 05 1{0001 0001 0002} 06 1{} 09 1{03} 40 1{c078 0001 01 80 0002 01 00} 41 1{fa56ea00} 45 1{0001 01 03 0002 01 02} 46 1{} 47 1{0001 01 80 00ffff} 49 1{1{616263} 1{}} f0 1{abcd} }}',
    {
      kind: 'open',
      version: 4,
      asNumber: 23456,
      holdTime: 180,
      identifier: ip4('10.0.0.2'),
      capabilities: [
        { kind: 'multiprotocol', value: { afi: 1, safi: 1 } },
        { kind: 'multiprotocol', value: { afi: 2, safi: 1 } },
        { kind: 'routeRefresh', value: true },
        { kind: 'extendedNextHop', value: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
        { kind: 'extendedMessage', value: true },
        { kind: 'role', value: 3 },
        {
          kind: 'gracefulRestart',
          value: {
            restarting: true,
            notification: true,
            restartTime: 120,
            families: [
              { afi: 1, safi: 1, forwarding: true },
              { afi: 2, safi: 1, forwarding: false },
            ],
          },
        },
        { kind: 'fourOctetAs', value: 4200000000 },
        {
          kind: 'addPath',
          value: [
            { afi: 1, safi: 1, mode: 3 },
            { afi: 2, safi: 1, mode: 2 },
          ],
        },
        { kind: 'enhancedRefresh', value: true },
        { kind: 'longLivedRestart', value: [{ afi: 1, safi: 1, forwarding: true, staleTime: 65535 }] },
        { kind: 'hostName', value: { host: 'abc', domain: '' } },
        { kind: 'unknown', code: 240, value: hex('abcd') },
      ],
    },
  ],
  ['End-of-RIB for IPv4', '02 0000 0000', update({}, [])],
  ['a withdrawal', '02 2{18c00002} 0000', update({}, [], ['192.0.2.0/24'])],
  [
    'a plain announcement',
    `02 0000 2{${BASE_HEX}} 18c00002 080a`,
    update(base, ['192.0.2.0/24', '10.0.0.0/8']),
  ],
  ['the default route', `02 0000 2{${BASE_HEX}} 00`, update(base, ['0.0.0.0/0'])],
  [
    'every attribute of an internal route',
    `02 0000 2{${BASE_HEX} 8004 1{00000005} 4005 1{000000c8} 4006 1{} c007 1{0000fde8 0a000009} c008 1{fde80001 ffffff01} 8009 1{0a000007} 800a 1{00000001 00000002} c010 1{0002fde8 00000064} c020 1{0000fde8 00000001 00000002} c023 1{0000fde9} e063 1{0102}} 18c00002`,
    update(
      {
        ...base,
        med: 5,
        localPref: 200,
        atomicAggregate: true,
        aggregator: { asNumber: 65000, identifier: ip4('10.0.0.9') },
        communities: [0xfde80001, 0xffffff01],
        originatorId: ip4('10.0.0.7'),
        clusterList: [ip4('0.0.0.1'), ip4('0.0.0.2')],
        extendedCommunities: [[0x0002fde8, 100]],
        largeCommunities: [[65000, 1, 2]],
        onlyToCustomer: 65001,
        unknown: [{ flags: 0xe0, code: 99, bytes: hex('0102') }],
      },
      ['192.0.2.0/24'],
    ),
  ],
  [
    'IPv6 with a link-local next hop (RFC 2545)',
    '02 0000 2{800e 1{0002 01 1{20010db8000000000000000000000001 fe800000000000000000000000000001} 00 40 20010db800010000 00} 40010100 4002060201 0000fde9}',
    {
      kind: 'update',
      withdrawn: none,
      announced: none,
      faults: [],
      attributes: { origin: 'igp', asPath: base.asPath },
      mpReach: {
        nextHop: { ip: mustIp('2001:db8::1'), linkLocal: mustIp('fe80::1') as never },
        nlri: packNlri('ipv6-unicast', [
          { prefix: mustPrefix('2001:db8:1::/64'), pathId: 0 },
          { prefix: mustPrefix('::/0'), pathId: 0 },
        ]),
      },
    },
  ],
  [
    'an IPv6 withdrawal',
    '02 0000 2{800f 1{0002 01 28 20010db801}}',
    {
      kind: 'update',
      withdrawn: none,
      announced: none,
      attributes: {},
      faults: [],
      mpUnreach: packNlri('ipv6-unicast', [{ prefix: mustPrefix('2001:db8:100::/40'), pathId: 0 }]),
    },
  ],
  [
    'IPv4 over an IPv6 next hop (RFC 8950)',
    '02 0000 2{800e 1{0001 01 1{20010db8000000000000000000000001} 00 18 c00002} 40010100 4002060201 0000fde9}',
    {
      kind: 'update',
      withdrawn: none,
      announced: none,
      faults: [],
      attributes: { origin: 'igp', asPath: base.asPath },
      mpReach: {
        nextHop: { ip: mustIp('2001:db8::1') },
        nlri: packNlri('ipv4-unicast', [{ prefix: mustPrefix('192.0.2.0/24'), pathId: 0 }]),
      },
    },
    { ...PLAIN_OPTIONS, extendedNextHop: true },
  ],
  [
    'path identifiers (RFC 7911)',
    `02 0000 2{${BASE_HEX}} 00000007 18c00002`,
    {
      ...update(base, []),
      announced: packNlri('ipv4-unicast', [{ prefix: mustPrefix('192.0.2.0/24'), pathId: 7 }], true),
      withdrawn: { ...none, addPath: true },
    } as Message,
    addPath,
  ],
];
const VECTORS = ROWS.map(
  ([name, text, message, options]) => [name, text, message, options ?? PLAIN_OPTIONS] as const,
);

function decodeWhole(bytes: Uint8Array, options: WireOptions): Message {
  const framer = new Framer();
  framer.push(bytes);
  const frame = framer.next();
  if (frame === undefined || 'severity' in frame) throw new Error(`no message: ${JSON.stringify(frame)}`);
  const message = decodeMessage(frame, options);
  if (!message.ok) throw new Error(message.fault.message);
  return message.value;
}

/** Blocks as lists, so that views of different buffers compare. */
function plain(message: Message): unknown {
  if (message.kind !== 'update') return message;
  const list = (block: Parameters<typeof nlriList>[0]) =>
    nlriList(block).map(n => `${formatPrefix(n.prefix)} ${n.pathId}`);
  const { mpReach, mpUnreach, ...rest } = message;
  return {
    ...rest,
    withdrawn: list(message.withdrawn),
    announced: list(message.announced),
    mpReach: mpReach && { nextHop: mpReach.nextHop, nlri: list(mpReach.nlri) },
    mpUnreach: mpUnreach && list(mpUnreach),
  };
}

describe('vectors', () => {
  test.each(VECTORS)('%s is read, written and read again', (_name, text, message, options) => {
    const typed = octets(text);
    const bytes = raw(typed[0] as number, typed.subarray(1));
    const decoded = decodeWhole(bytes, options);
    expect(plain(decoded)).toEqual(plain(message));
    const encoded = encodeMessage(decoded, options);
    expect(digitsOf(encoded)).toBe(digitsOf(bytes));
    expect(plain(decodeWhole(encoded, options))).toEqual(plain(message));
  });

  test('every capability row is in a vector', () => {
    const open = VECTORS.flatMap(([, , m]) => (m.kind === 'open' ? m.capabilities.map(c => c.kind) : []));
    expect(new Set(open)).toEqual(new Set([...Object.keys(CAPABILITIES), 'unknown']));
  });

  test('every attribute row is in a vector', () => {
    const seen = VECTORS.flatMap(([, , m]) => (m.kind === 'update' ? Object.keys(m.attributes) : []));
    // The two that only two-octet sessions carry are tested with RFC 6793.
    expect(new Set([...seen, 'as4Path', 'as4Aggregator'])).toEqual(
      new Set([...Object.keys(ATTRIBUTES), 'unknown']),
    );
  });
});

const optionsOf = fc.record({
  fourOctetAs: fc.boolean(),
  extendedNextHop: fc.boolean(),
  external: fc.boolean(),
  maxLength: fc.constantFrom(4096, 65535),
  families: fc.record({ 'ipv4-unicast': fc.boolean(), 'ipv6-unicast': fc.boolean() }),
  addPath: fc.record({ 'ipv4-unicast': fc.boolean(), 'ipv6-unicast': fc.boolean() }),
});

describe('no bytes whatever', () => {
  test('make the decoder throw', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.uint8Array({ maxLength: 80 }),
        optionsOf,
        (type, body, options) => {
          if (type === 3 && body.length < 2) return;
          decodeMessage({ type, body }, options);
        },
      ),
      { numRuns: 5000 },
    );
  });

  test('make the framer throw or keep more than one message', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), chunks => {
        const framer = new Framer();
        for (const chunk of chunks) {
          framer.push(chunk);
          for (
            let frame = framer.next();
            frame !== undefined && !('severity' in frame);
            frame = framer.next()
          );
        }
      }),
    );
  });

  test('that are a valid UPDATE with flaws make the speaker throw or lose the control route without a reset', () => {
    const seeds = VECTORS.filter(([, , m]) => m.kind === 'update').map(([, text]) =>
      octets(text).subarray(1),
    );
    const flaw = fc.tuple(fc.nat(200), fc.nat(255));
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(flaw, { minLength: 1, maxLength: 4 }),
        (seed, flaws) => {
          const body = seed.slice();
          for (const [at, value] of flaws) body[at % body.length] = value;
          const peer = new BytePeer().establish();
          peer.announce('198.51.100.0/24');
          peer.write(raw(2, body));
          peer.take(peer.speaker.originate(mustPrefix('10.9.0.0/16')));
          const routes = peer.speaker.received('probe').map(r => formatPrefix(r.prefix));
          const covered = nlriMentions(body, '198.51.100.0/24');
          if (!peer.closed && !covered) expect(routes).toContain('198.51.100.0/24');
          for (const route of peer.speaker.routes('ipv4-unicast')) showAttributes(route.attributes);
        },
      ),
      { numRuns: 1500 },
    );
  });

  test('of any kind in any order make the speaker throw', () => {
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 50 }),
      fc
        .tuple(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 50 }))
        .map(([type, body]) => raw(type, body)),
      fc.constant(raw(2, updateBody([BASE.origin, BASE.asPath, BASE.nextHop, attr(0xc0, 8, [0, 1, 0, 1])]))),
      fc.constant(raw(4, new Uint8Array(0))),
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 8 }), fc.boolean(), (chunks, established) => {
        const peer = new BytePeer();
        if (established) peer.establish();
        for (const bytes of chunks) peer.write(bytes);
        peer.speaker.peers();
      }),
      { numRuns: 1000 },
    );
  });
});

/** Whether the octets of a /24 happen to be in the body, so that it may have been withdrawn. */
function nlriMentions(body: Uint8Array, prefix: string): boolean {
  const [entry] = [packNlri('ipv4-unicast', [{ prefix: mustPrefix(prefix), pathId: 0 }])];
  const text = digitsOf(body);
  return text.includes(digitsOf(entry.bytes)) || /18c6/.test(text);
}

describe('texts', () => {
  test('UTF-8 survives a round trip and is cut at characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, limit) => {
        expect(utf8Text(utf8Bytes(text))).toBe(text.toWellFormed());
        expect(text.toWellFormed().startsWith(utf8Text(utf8Bytes(text, limit)))).toBe(true);
        expect(utf8Bytes(text, limit).length).toBeLessThanOrEqual(limit);
      }),
    );
  });

  test('bytes that are no UTF-8 become text all the same', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const clean = (text: string) => text.replaceAll('\ufffd', '');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), bytes => {
        // Decoders differ in how many replacement characters they put, not in what they keep.
        expect(clean(utf8Text(bytes))).toBe(clean(decoder.decode(bytes)));
      }),
    );
  });

  test('attributes are shown one per line', () => {
    const lines = showAttributes({
      ...base,
      communities: [0xfde80001, 0xffffff01],
      largeCommunities: [[1, 2, 3]],
    });
    expect(lines).toEqual([
      'origin: igp',
      'asPath: 65001',
      'nextHop: 10.0.0.2',
      'communities: 65000:1 no-export',
      'largeCommunities: 1:2:3',
    ]);
  });

  test('communities are read from text', () => {
    expect(parseCommunity('65000:1')).toEqual({ ok: true, value: { kind: 'standard', value: 0xfde80001 } });
    expect(parseCommunity('65000:1:4294967295')).toEqual({
      ok: true,
      value: { kind: 'large', value: [65000, 1, 4294967295] },
    });
    expect(parseCommunity('blackhole')).toMatchObject({ ok: true });
    for (const bad of ['', '1', '65536:1', '1:2:3:4', 'a:b', '1:4294967296:1', '-1:2'])
      expect(parseCommunity(bad).ok).toBe(false);
  });

  test('link bandwidth is a float in an extended community', () => {
    expect(linkBandwidth(linkBandwidthCommunity(65000, 1.25e9))).toBe(1.25e9);
    expect(linkBandwidth([0x0002fde8, 1])).toBeUndefined();
  });

  test('AS4_PATH replaces the tail of the path (RFC 6793 §4.2.3)', () => {
    const path = [{ kind: 'sequence', asNumbers: [1, 23456, 23456] }] as const;
    const tail = [{ kind: 'sequence', asNumbers: [70000, 80000] }] as const;
    expect(mergeAs4Path(path, tail)).toEqual([{ kind: 'sequence', asNumbers: [1, 70000, 80000] }]);
    expect(mergeAs4Path([{ kind: 'sequence', asNumbers: [23456] }], tail)).toEqual([
      { kind: 'sequence', asNumbers: [23456] },
    ]);
  });

  test('a next hop of :: before a link-local one is the link-local one, alone it is none (BIRD, RFC 2545 §3)', () => {
    const zeros = '0'.repeat(32);
    const local = 'fe800000000000000000000000000001';
    expect(nextHopFromBytes(hex(zeros + local))).toEqual({ ok: true, value: { ip: mustIp('fe80::1') } });
    expect(nextHopFromBytes(hex(zeros)).ok).toBe(false);
    expect(nextHopFromBytes(hex(zeros + zeros)).ok).toBe(false);
  });

  test('families have distinct codes', () => {
    expect(new Set(ROUTE_FAMILIES.map(f => `${f.afi}/${f.safi}`)).size).toBe(ROUTE_FAMILIES.length);
  });
});

describe('UPDATEs made for a test peer', () => {
  const attributes = {
    ...{ origin: 'igp' as const, asPath: asSequence(65_001) },
    nextHop: { ip: mustIp('10.0.0.1') },
  };
  const six = { ...attributes, nextHop: { ip: mustIp('2001:db8::1') } };
  const again = (message: UpdateMessage, options: WireOptions = PLAIN_OPTIONS): UpdateMessage => {
    const framer = new Framer();
    framer.push(encodeMessage(message, options));
    const frame = framer.next();
    if (frame === undefined || 'severity' in frame) throw new Error('no frame');
    const read = decodeMessage(frame, options);
    if (!read.ok || read.value.kind !== 'update') throw new Error('no UPDATE');
    return read.value;
  };
  const texts = (block: NlriBlock | undefined) =>
    block && nlriList(block).map(({ prefix, pathId }) => `${formatPrefix(prefix)} ${pathId}`);
  const v4 = ['192.0.2.0/24', '198.51.100.0/24'].map(mustPrefix);
  const v6 = ['2001:db8:1::/48'].map(mustPrefix);

  test('come back as they were meant', () => {
    expect(texts(again(announcement(v4, attributes)).announced)).toEqual(v4.map(p => `${formatPrefix(p)} 0`));
    expect(again(announcement(v4, attributes)).attributes).toEqual(attributes);
    const reach = again(announcement(v6, six)).mpReach;
    expect([texts(reach?.nlri), reach?.nextHop]).toEqual([['2001:db8:1::/48 0'], six.nextHop]);
    expect(texts(again(withdrawal(v4)).withdrawn)).toHaveLength(2);
    expect(texts(again(withdrawal(v6)).mpUnreach)).toEqual(['2001:db8:1::/48 0']);
    for (const family of ALL_FAMILIES) expect(endOfRib(again(endOfRibMarker(family)))).toBe(family);
  });

  test('carry IPv4 over an IPv6 next hop (RFC 8950) and path identifiers (RFC 7911), and one family each', () => {
    const over6 = again(announcement(v4, six), { ...PLAIN_OPTIONS, extendedNextHop: true });
    expect([texts(over6.mpReach?.nlri)?.length, over6.mpReach?.nextHop]).toEqual([2, six.nextHop]);
    const options = { ...PLAIN_OPTIONS, addPath: { 'ipv4-unicast': true, 'ipv6-unicast': true } };
    expect(texts(again(announcement(v4, attributes, 7), options).announced)?.[0]).toBe('192.0.2.0/24 7');
    expect(() => announcement([...v4, ...v6], attributes)).toThrow('one family');
  });
});
