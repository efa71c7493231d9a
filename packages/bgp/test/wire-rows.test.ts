import { describe, expect, test } from 'vitest';
import {
  cease,
  decodeMessage,
  encodeMessage,
  ERROR_CODES,
  errorText,
  EXTENDED_COMMUNITY_TYPES,
  type ExtendedCommunity,
  Framer,
  linkBandwidth,
  type Message,
  notification,
  notificationText,
  PLAIN_OPTIONS,
  parseCommunity,
  parseExtendedCommunity,
  showCommunity,
  showExtendedCommunity,
  WELL_KNOWN_COMMUNITIES,
  type WireOptions,
} from '../src/index.ts';
import { attr, BASE, hex, join, PROBE, raw, updateBody } from './byte-peer.ts';

function read(bytes: Uint8Array, options: WireOptions = PLAIN_OPTIONS): Message {
  const framer = new Framer();
  framer.maxLength = options.maxLength;
  framer.push(bytes);
  const frame = framer.next();
  if (frame === undefined || 'severity' in frame) throw new Error(`no message: ${JSON.stringify(frame)}`);
  const message = decodeMessage(frame, options);
  if (!message.ok) throw new Error(message.fault.message);
  return message.value;
}

const digits = (bytes: Uint8Array) => [...bytes].map(b => b.toString(16).padStart(2, '0')).join('');
const twoOctets: WireOptions = { ...PLAIN_OPTIONS, fourOctetAs: false };
const large: WireOptions = { ...PLAIN_OPTIONS, maxLength: 65535 };
const route = (...more: readonly Uint8Array[]) =>
  raw(2, updateBody([BASE.origin, BASE.asPath, BASE.nextHop, ...more]));
const withPath = (value: string) =>
  raw(2, updateBody([BASE.origin, attr(0x40, 2, hex(value)), BASE.nextHop]));
const open = (capabilities: string) => {
  const list = hex(capabilities);
  return raw(1, join(hex('04 fde9 005a 0a000002'), [list.length + 2, 2, list.length], list));
};

/** One row per code point that has no vector in `wire.test.ts`: message bytes, a part that must be read out of them. */
const ROWS: readonly (readonly [string, Uint8Array, object, WireOptions?])[] = [
  [
    'RFC 5065: a path through a confederation',
    withPath('0302 0000fde9 0000fdea 0401 0000fdeb 0201 00000007'),
    {
      attributes: {
        asPath: [
          { kind: 'confed-sequence', asNumbers: [65001, 65002] },
          { kind: 'confed-set', asNumbers: [65003] },
          { kind: 'sequence', asNumbers: [7] },
        ],
      },
    },
  ],
  [
    'RFC 4271: a path with an AS_SET',
    withPath('0201 0000fde9 0102 00000007 00000008'),
    {
      attributes: {
        asPath: [
          { kind: 'sequence', asNumbers: [65001] },
          { kind: 'set', asNumbers: [7, 8] },
        ],
      },
    },
  ],
  [
    'RFC 6793: a path of a two-octet speaker',
    raw(2, updateBody([BASE.origin, attr(0x40, 2, hex('0202 fde9 0007')), BASE.nextHop])),
    { attributes: { asPath: [{ kind: 'sequence', asNumbers: [65001, 7] }] } },
    twoOctets,
  ],
  [
    'RFC 8326: GRACEFUL_SHUTDOWN',
    route(attr(0xc0, 8, hex('ffff0000'))),
    { attributes: { communities: [WELL_KNOWN_COMMUNITIES['graceful-shutdown']] } },
  ],
  [
    'RFC 9494: LLGR_STALE and NO_LLGR',
    route(attr(0xc0, 8, hex('ffff0006 ffff0007'))),
    { attributes: { communities: [0xffff0006, 0xffff0007] } },
  ],
  [
    'RFC 8092: large communities',
    route(attr(0xc0, 32, hex('0000fde8 00000001 ffffffff'))),
    { attributes: { largeCommunities: [[65000, 1, 0xffffffff]] } },
  ],
  [
    'RFC 9234: ONLY_TO_CUSTOMER',
    route(attr(0xc0, 35, hex('0000fde9'))),
    { attributes: { onlyToCustomer: 65001 } },
  ],
  [
    'RFC 7313: the beginning of a refresh',
    raw(5, hex('0001 01 01')),
    { kind: 'route-refresh', afi: 1, subtype: 1, safi: 1 },
  ],
  [
    'RFC 7313: the end of a refresh',
    raw(5, hex('0002 02 01')),
    { kind: 'route-refresh', afi: 2, subtype: 2, safi: 1 },
  ],
  [
    'RFC 8538: a hard reset around an administrative shutdown',
    raw(3, hex('0609 0602 0161')),
    { kind: 'notification', code: 6, subcode: 9 },
  ],
  [
    'RFC 8654: an UPDATE of more than 4096 octets',
    route(attr(0xd0, 8, new Array(5000).fill(1))),
    { attributes: { origin: 'igp' } },
    large,
  ],
  ['RFC 2918: the route refresh capability', open('0200'), { capabilities: [{ kind: 'routeRefresh' }] }],
  ['RFC 7313: its capability', open('4600'), { capabilities: [{ kind: 'enhancedRefresh' }] }],
  ['RFC 8654: its capability', open('0600'), { capabilities: [{ kind: 'extendedMessage' }] }],
  [
    'RFC 8538: the N bit beside the R bit',
    open('4006 c078 00010180'),
    { capabilities: [{ value: { restarting: true, notification: true, restartTime: 120 } }] },
  ],
  [
    'RFC 9494: the largest stale time',
    open('4707 0001 01 80 ffffff'),
    { capabilities: [{ kind: 'longLivedRestart', value: [{ staleTime: 16777215 }] }] },
  ],
  ['RFC 9234: the role capability', open('0901 04'), { capabilities: [{ kind: 'role', value: 4 }] }],
  [
    'RFC 5492: an unknown capability is kept',
    open('f003 010203'),
    { capabilities: [{ kind: 'unknown', code: 240 }] },
  ],
];

const VECTORS = ROWS.map(
  ([name, bytes, part, options]) => [name, bytes, part, options ?? PLAIN_OPTIONS] as const,
);

describe('rows', () => {
  test.each(VECTORS)('%s is read, written and read again', (_name, bytes, part, options) => {
    const message = read(bytes, options);
    expect(message).toMatchObject(part);
    const written = encodeMessage(message, options);
    expect(digits(written)).toBe(digits(bytes));
    expect(read(written, options)).toEqual(message);
  });
});

describe('NOTIFICATION codes (RFC 4271 §4.5, 4486, 5492, 6608, 7313, 8538, 9234, 9384, 9687)', () => {
  const codes = Object.values(ERROR_CODES).flatMap(row => [
    [row.code, 0] as const,
    ...Object.keys(row.subcodes).map(subcode => [row.code, Number(subcode)] as const),
  ]);

  test.each(codes)('%i/%i is written, read and has words', (code, subcode) => {
    const message = notification(code, subcode, Uint8Array.of(1, 2));
    expect(read(encodeMessage(message, PLAIN_OPTIONS))).toEqual(message);
    expect(errorText(code, subcode)).toMatch(/^[A-Z].+\(\d\/\d+\)$/);
    expect(errorText(code, subcode)).not.toContain('Unknown');
  });

  test('a code that nobody defined is shown as numbers', () => {
    expect(errorText(77, 3)).toBe('Unknown error (77/3)');
  });

  test('RFC 9003 §2: a text is cut at 255 octets, between characters', () => {
    const { data } = cease(2, 'ü'.repeat(200));
    expect([data[0], data.length]).toEqual([254, 255]);
  });

  test.each([
    ['of no octets', '00', 'Cease: Administrative Shutdown (6/2)'],
    ['that is cut off', '0561', 'Cease: Administrative Shutdown (6/2)'],
    ['of 128 octets, as RFC 8203 allowed', `80${'61'.repeat(128)}`, `“${'a'.repeat(128)}”`],
    ['of 255 octets, as RFC 9003 allows', `ff${'61'.repeat(255)}`, `“${'a'.repeat(255)}”`],
    ['that is no UTF-8', '02c328', '“\ufffd(”'],
  ])('RFC 9003: a text %s is shown as far as it can be trusted', (_name, data, words) => {
    expect(notificationText(notification(6, 2, hex(data)))).toContain(words);
  });

  test('RFC 8538 §3.1: a hard reset shows what it stands for', () => {
    expect(notificationText(notification(6, 9, hex('0602 0161')))).toBe(
      'Cease: Hard Reset (6/9): Cease: Administrative Shutdown (6/2) “a”',
    );
  });
});

describe('extended communities (RFC 4360, 5668, link bandwidth)', () => {
  test.each([
    ['rt:65000:4294967295', [0x0002fde8, 0xffffffff]],
    ['rt:10.0.0.1:7', [0x01020a00, 0x00010007]],
    ['rt:4200000000:7', [0x0202fa56, 0xea000007]],
    ['ro:65000:1', [0x0003fde8, 1]],
    ['ro:10.0.0.1:65535', [0x01030a00, 0x0001ffff]],
    ['ro:4200000000:1', [0x0203fa56, 0xea000001]],
    ['bandwidth:65000:1250000000', [0x4004fde8, 0x4e9502f9]],
    ['transitive-bandwidth:65000:1000', [0x0004fde8, 0x447a0000]],
    ['0x030b000000000064', [0x030b0000, 0x64]],
    ['0x0202000000070001', [0x02020000, 0x00070001]],
  ] as const)('%s is read from text and shown', (text, value) => {
    expect(parseExtendedCommunity(text)).toEqual({ ok: true, value });
    expect(showExtendedCommunity(value)).toBe(text);
  });

  test('every type with a name has its row tried', () => {
    for (const row of EXTENDED_COMMUNITY_TYPES) {
      const value: ExtendedCommunity = [row.type * 0x10000 + 0xfde8, 0x447a0000];
      const shown = showExtendedCommunity(value);
      expect(shown.startsWith(`${row.name}:`)).toBe(true);
      expect(parseExtendedCommunity(shown)).toEqual({ ok: true, value });
    }
  });

  test.each([
    '',
    'rt',
    'rt:1',
    'rt:1:2:3',
    'rt:65000:4294967296',
    'rt:10.0.0.300:1',
    'rt:4294967296:1',
    'rt:x:1',
  ])('%j is refused with words that help', text => {
    expect(parseExtendedCommunity(text)).toMatchObject({
      ok: false,
      fault: expect.stringContaining('write rt:'),
    });
  });

  test('a bandwidth that is no number is no bandwidth', () => {
    expect(linkBandwidth([0x4004fde8, 0x7fc00000])).toBeUndefined();
    expect(linkBandwidth([0x4004fde8, 0xbf800000])).toBeUndefined();
  });

  test('every well-known community is shown by its name and read from it', () => {
    for (const [name, value] of Object.entries(WELL_KNOWN_COMMUNITIES)) {
      expect(showCommunity(value)).toBe(name);
      expect(parseCommunity(name)).toEqual({ ok: true, value: { kind: 'standard', value } });
    }
  });
});

describe('RFC 6793 §6', () => {
  test('confederation segments in AS4_PATH are dropped and the rest counts', () => {
    const path = attr(0x40, 2, hex('0202 fde9 5ba0'));
    const four = attr(0xc0, 17, hex('0301 0000fde8 0201 00011170'));
    const update = read(raw(2, updateBody([BASE.origin, path, BASE.nextHop, four], PROBE)), {
      ...twoOctets,
      external: true,
    });
    expect(update).toMatchObject({
      faults: [],
      attributes: { asPath: [{ kind: 'sequence', asNumbers: [65001, 70000] }] },
    });
  });
});
