import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { formatPrefix, ip4, ip6, type Ip4, mustIp, mustPrefix, prefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  asSequence,
  decodeMessage,
  decodeRibAttributes,
  dumpTable,
  encodeMrt,
  encodeRibAttributes,
  Framer,
  MrtReader,
  type MrtRecord,
  type PathAttributes,
  PLAIN_OPTIONS,
  SessionLog,
  type FeedOptions,
  TableFeed,
  type UpdateMessage,
} from '../src/index.ts';
import { MRT_STATES } from '../src/mrt/mrt-types.ts';
import { BytePeer, hex, join } from './byte-peer.ts';

/** All records of some bytes, pushed in pieces; a fault is its message. */
function read(bytes: Uint8Array, piece = bytes.length): (MrtRecord | string)[] {
  const reader = new MrtReader();
  const found: (MrtRecord | string)[] = [];
  for (let at = 0; at < bytes.length; at += Math.max(1, piece)) {
    reader.push(bytes.slice(at, at + Math.max(1, piece)));
    for (let next = reader.next(); next !== undefined; next = reader.next())
      found.push(next.ok ? next.value : next.fault.message);
  }
  return found;
}

const u32 = fc.nat(0xffffffff);
const ip = fc.oneof(
  u32.map(ip4),
  fc.tuple(u32, u32, u32, u32).map(words => ip6(...words)),
);
const time = fc.oneof(
  u32.map(seconds => ({ seconds })),
  fc.record({ seconds: u32, microseconds: fc.nat(999_999) }),
);
const peersRecord = fc.record({
  kind: fc.constant('peers' as const),
  at: u32.map(seconds => ({ seconds })),
  collector: u32.map(ip4),
  view: fc.string({ maxLength: 20, unit: 'grapheme' }),
  peers: fc.array(fc.record({ id: u32.map(ip4), ip, asNumber: u32 }), { maxLength: 5 }),
});
const ribRecord = fc.tuple(ip, fc.nat(128), fc.boolean()).chain(([address, length, addPath]) =>
  fc.record({
    kind: fc.constant('rib' as const),
    at: u32.map(seconds => ({ seconds })),
    family: fc.constant(address.family === 4 ? ('ipv4-unicast' as const) : ('ipv6-unicast' as const)),
    addPath: fc.constant(addPath),
    sequence: u32,
    prefix: fc.constant(prefix(address, address.family === 4 ? length % 33 : length)),
    paths: fc.array(
      fc.record({
        peer: fc.nat(0xffff),
        originated: u32,
        pathId: addPath ? u32 : fc.constant(0),
        attributes: fc.uint8Array({ maxLength: 60 }),
      }),
      { maxLength: 4 },
    ),
  }),
);
const sessionRecord = fc.tuple(fc.boolean(), fc.boolean()).chain(([four, six]) => {
  const as = four ? u32 : fc.nat(0xffff);
  const address = six ? fc.tuple(u32, u32, u32, u32).map(words => ip6(...words)) : u32.map(ip4);
  const ends = {
    ...{ at: time, remoteAs: as, localAs: as, remoteIp: address, localIp: address },
    ...{ interfaceIndex: fc.nat(0xffff), fourOctetAs: fc.constant(four) },
  };
  return fc.oneof(
    fc.record({
      ...{ kind: fc.constant('message' as const), ...ends, local: fc.boolean(), addPath: fc.boolean() },
      bytes: fc.uint8Array({ minLength: 19, maxLength: 80 }),
    }),
    fc.record({
      ...{ kind: fc.constant('state-change' as const), ...ends },
      ...{ from: fc.constantFrom(...MRT_STATES), to: fc.constantFrom(...MRT_STATES) },
    }),
  );
});
const otherRecord = fc.record({
  ...{ kind: fc.constant('other' as const), at: u32.map(seconds => ({ seconds })) },
  ...{ type: fc.constantFrom(11, 32, 48), subtype: fc.nat(0xffff) },
  bytes: fc.uint8Array({ maxLength: 30 }),
});
const oldRecord = fc.boolean().chain(six => {
  const address = six ? fc.tuple(u32, u32, u32, u32).map(words => ip6(...words)) : u32.map(ip4);
  return fc.record({
    ...{ kind: fc.constant('route' as const), at: u32.map(seconds => ({ seconds })) },
    ...{ view: fc.nat(0xffff), sequence: fc.nat(0xffff), originated: u32, peerAs: fc.nat(0xffff) },
    prefix: fc.tuple(address, fc.nat(six ? 128 : 32)).map(([ip, length]) => prefix(ip, length)),
    peerIp: address,
    attributes: fc.uint8Array({ maxLength: 60 }),
  });
});
const anyRecord: fc.Arbitrary<MrtRecord> = fc.oneof(
  ...[peersRecord, ribRecord, oldRecord],
  ...[sessionRecord, otherRecord],
);

/** Routes in a folder that goes away. */
function bgpdump(bytes: Uint8Array): string[] {
  const folder = mkdtempSync(joinPath(tmpdir(), 'msl-t-mrt-'));
  const file = joinPath(folder, 'dump.mrt');
  writeFileSync(file, bytes);
  try {
    const text = execFileSync('bgpdump', ['-m', '-t', 'dump', file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text.trim().split('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const V6 = { ip: mustIp('2001:db8::2') };
const RICH: PathAttributes = {
  ...{ origin: 'egp', asPath: asSequence(65001, 4_200_000_001), nextHop: { ip: mustIp('10.0.0.2') } },
  ...{
    med: 7,
    localPref: 150,
    communities: [((65001 << 16) | 100) >>> 0],
    largeCommunities: [[65001, 1, 2]],
  },
};

describe('MRT', () => {
  test('reads what it writes, in whatever pieces it comes', () => {
    fc.assert(
      fc.property(
        fc.array(anyRecord, { maxLength: 6 }),
        fc.integer({ min: 1, max: 50 }),
        (records, piece) => {
          expect(read(join(...records.map(encodeMrt)), piece)).toEqual(records);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('takes any bytes without a throw, and after a bad record reads the next', () => {
    fc.assert(
      fc.property(
        anyRecord,
        fc.nat(),
        fc.nat(255),
        fc.uint8Array({ maxLength: 200 }),
        (record, at, value, noise) => {
          const bytes = encodeMrt(record);
          // The header's length stays: what is inside may be anything.
          if (bytes.length > 12) bytes[12 + (at % (bytes.length - 12))] = value;
          const good: MrtRecord = {
            kind: 'other',
            at: { seconds: 1 },
            type: 99,
            subtype: 0,
            bytes: new Uint8Array(3),
          };
          expect(read(join(bytes, encodeMrt(good))).at(-1)).toEqual(good);
          expect(() => read(noise)).not.toThrow();
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('a length that no record has ends the reading', () => {
    expect(read(hex('00000000 000d 0002 ffffffff 00'))).toEqual([
      "a record can't have 4294967295 octets: this is no MRT file",
    ]);
  });

  // The layout of RFC 6396 §4.3.1 and §4.3.2, and of RFC 8050 §4.1, octet by octet.
  test('reads a table written by hand after the RFC', () => {
    const peers = hex(`
      00000001 000d 0001 00000022
      0a000001 0002 7631 0002
      00 0a000002 0a000002 fde9
      02 0a000003 0a000003 0000fdea`);
    const rib = hex(`
      00000001 000d 0008 00000021
      00000007 18 c00002 0001
      0001 00000005 0000002a 000b
      400101 00 400304 0a000003`);
    expect(read(join(peers, rib))).toEqual([
      {
        ...{ kind: 'peers', at: { seconds: 1 }, collector: mustIp('10.0.0.1'), view: 'v1' },
        peers: [
          { id: mustIp('10.0.0.2'), ip: mustIp('10.0.0.2'), asNumber: 65001 },
          { id: mustIp('10.0.0.3'), ip: mustIp('10.0.0.3'), asNumber: 65002 },
        ],
      },
      {
        ...{ kind: 'rib', at: { seconds: 1 }, family: 'ipv4-unicast', addPath: true, sequence: 7 },
        prefix: mustPrefix('192.0.2.0/24'),
        paths: [{ peer: 1, originated: 5, pathId: 42, attributes: hex('400101 00 400304 0a000003') }],
      },
    ]);
  });

  test('reads attributes without their flags, as BIRD dumps those of its own routes', () => {
    expect(decodeRibAttributes(hex('00 08 04 fde80001 400101 00'))).toMatchObject({
      value: { communities: [0xfde80001], origin: 'igp' },
    });
  });

  test('reads routes that say their family themselves (RFC 6396 §4.3.3), and leaves families alone that it does not carry', () => {
    const generic = (safi: string) =>
      hex(`00000001 000d 0006 00000020 00000007 0001 ${safi} 18 c00002 0001
        0000 00000005 000b 400101 00 400304 0a000003`);
    expect(read(generic('01'))).toEqual([
      {
        ...{ kind: 'rib', at: { seconds: 1 }, family: 'ipv4-unicast', addPath: false, sequence: 7 },
        prefix: mustPrefix('192.0.2.0/24'),
        paths: [{ peer: 0, originated: 5, pathId: 0, attributes: hex('400101 00 400304 0a000003') }],
      },
    ]);
    expect(read(generic('80'))).toMatchObject([{ kind: 'other', type: 13, subtype: 6 }]);
    expect(read(hex('00000001 000d 0006 00000005 00000007 00'))).toEqual(['a route is cut off']);
  });

  test('keeps next hops of IPv6 in an MP_REACH_NLRI that is cut down, and reads whole ones too (RFC 6396 §4.3.4)', () => {
    for (const attributes of [RICH, { ...RICH, nextHop: V6 }]) {
      const read = decodeRibAttributes(encodeRibAttributes(attributes));
      expect(read).toEqual({ ok: true, value: attributes });
    }
    const whole = hex('400101 00 400200 800e1a 0002 01 10 20010db8000000000000000000000002 00 20 20010db8');
    expect(decodeRibAttributes(whole)).toMatchObject({ ok: true, value: { nextHop: V6 } });
    expect(decodeRibAttributes(hex('4001'))).toMatchObject({ ok: false });
    expect(decodeRibAttributes(hex('400101 09'))).toMatchObject({ ok: false });
  });

  test("dumps a speaker's table as bgpdump reads it: what peers told and what is our own, with path identifiers", () => {
    const peer = new BytePeer().establish();
    peer.announce('192.0.2.0/24', [65001, 4_200_000_001], {
      med: 7,
      communities: [((65001 << 16) | 100) >>> 0],
    });
    peer.take(peer.speaker.originate(mustPrefix('2001:db8:7::/48'), { nextHop: mustIp('2001:db8::1') }));
    peer.take(peer.speaker.originate(mustPrefix('10.244.0.0/26'), { nextHop: mustIp('10.0.0.1') }));
    const options = { routerId: mustIp('10.0.0.1') as Ip4, asNumber: 65000, seconds: 1_790_000_000 };
    const dump = join(...dumpTable(peer.speaker, options));
    expect(bgpdump(dump)).toEqual([
      'TABLE_DUMP2|1790000000|B|0.0.0.0|65000|10.244.0.0/26||IGP|10.0.0.1|0|0||NAG||',
      'TABLE_DUMP2|1790000000|B|10.0.0.2|65001|192.0.2.0/24|65001 4200000001|IGP|10.0.0.2|0|7|65001:100|NAG||',
      'TABLE_DUMP2|1790000000|B|0.0.0.0|65000|2001:db8:7::/48||IGP|2001:db8::1|0|0||NAG||',
    ]);
  });

  test('logs sessions as bgpdump reads them: states, and every message both ways', () => {
    const records: Uint8Array[] = [];
    const peer = new BytePeer({ id: 'other', remoteIp: mustIp('10.0.0.9') });
    const { speaker } = peer;
    const log = new SessionLog(() => speaker.peers());
    log.follow(record => records.push(record));
    const now = 1_790_000_000_250.5;
    const connection = 'in-log';
    speaker.setPeer({ id: 'log', remoteIp: mustIp('10.0.0.2'), remoteAs: 65001, passive: true });
    const feed = (input: Parameters<typeof speaker.handle>[0]) => {
      log.input(input, now);
      for (const output of speaker.handle(input, 1)) log.output(output, now);
    };
    const ends = { localIp: mustIp('10.0.0.1'), remoteIp: mustIp('10.0.0.2') };
    feed({ kind: 'accepted', connection, ...ends });
    const script = new BytePeer({ id: 'script' });
    const bytes = join(...scriptOf(script));
    // Pieces that end in the middle of messages.
    for (let at = 0; at < bytes.length; at += 11)
      feed({ kind: 'bytes', connection, bytes: bytes.slice(at, at + 11) });
    const lines = bgpdump(join(...records));
    expect(lines).toContain('BGP4MP_ET|1790000000.250500|STATE|10.0.0.2|65001|1|4');
    expect(lines).toContain('BGP4MP_ET|1790000000.250500|STATE|10.0.0.2|65001|5|6');
    expect(
      lines.some(line => /\|A\|10\.0\.0\.2\|65001\|192\.0\.2\.0\/24\|65001\|IGP\|10\.0\.0\.2\|/.test(line)),
    ).toBe(true);
    const kinds = read(join(...records)).map(record =>
      typeof record !== 'string' && record.kind === 'message'
        ? `${record.local ? 'out' : 'in'} ${record.bytes[18]}`
        : '',
    );
    expect(kinds.filter(Boolean).slice(0, 4)).toEqual(['out 1', 'in 1', 'out 4', 'in 4']);
  });

  test('feeds a dump to a speaker, which then has the same table', () => {
    const source = new BytePeer().establish();
    for (let i = 0; i < 3000; i++)
      source.announce(`10.${i >> 8}.${i & 255}.0/24`, [65001, 100 + (i % 7)], { med: i % 5 });
    const options = { routerId: mustIp('10.0.0.1') as Ip4, asNumber: 65000, seconds: 1 };
    const records = read(join(...dumpTable(source.speaker, options))).filter(r => typeof r !== 'string');
    const sink = new BytePeer().establish();
    const feed = new TableFeed({ peer: 1 });
    const messages = [...records.flatMap(record => feed.add(record)), ...feed.end()];
    for (const message of messages) sink.write(message);
    expect(feed.skipped).toBe(0);
    const routesOf = (peer: BytePeer) =>
      peer.speaker.routes('ipv4-unicast').map(r => [formatPrefix(r.prefix), r.attributes]);
    expect(routesOf(sink)).toEqual(routesOf(source));
    // 3000 prefixes of 35 attribute sets fit into about as many messages.
    expect(messages.length).toBeLessThan(50);
  });

  test('is fed as the README shows it', () => {
    const peer = new BytePeer().establish();
    for (let i = 0; i < 300; i++) peer.announce(`10.0.${i & 255}.0/24`, [65001, 100 + (i >> 8)]);
    const options = { routerId: mustIp('10.0.0.1') as Ip4, asNumber: 65000, seconds: 1 };
    const folder = mkdtempSync(joinPath(tmpdir(), 'msl-t-mrt-'));
    const file = joinPath(folder, 'table.gz');
    writeFileSync(file, gzipSync(join(...dumpTable(peer.speaker, options))));
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const script = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].find(([, text]) =>
      text?.includes('TableFeed'),
    )?.[1];
    const end = `let octets = 0; await tellTable(${JSON.stringify(file)}, { write: b => { octets += b.length; } }); console.log(octets);`;
    const flags = [
      '--conditions=@muslin/source',
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
    ];
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    try {
      const said = execFileSync(process.execPath, [...flags, '-e', `${script}\n${end}`], {
        cwd,
        encoding: 'utf8',
      });
      expect(Number(said)).toBeGreaterThan(256 * 4);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('reads what OpenBGPD 7 dumps by default, AS numbers of two octets, and feeds the first path of each prefix', () => {
    const body = [
      '00000003 c0000200 19 01 6b01bc02 0a090001 fde9 0019 40010100 4002040201fde9 4003040a090001 40050400000064',
      '00000004 c0000200 19 01 6b01bc08 0a090002 fdea 001b 40010100 4002060202fdeafde9 4003040a090002 40050400000064',
      '00000006 c6336400 18 01 6b01bc08 0a090002 fdea 001b 40010100 4002060202fdeafde9 4003040a090002 40050400000064',
    ].map(hex);
    const records = body.map(bytes =>
      encodeMrt({ kind: 'other', at: { seconds: 9 }, type: 12, subtype: 1, bytes }),
    );
    const found = read(join(...records)).filter(record => typeof record === 'object');
    expect(found[1]).toMatchObject({
      ...{ kind: 'route', sequence: 4, prefix: mustPrefix('192.0.2.0/25'), originated: 0x6b01bc08 },
      ...{ peerIp: mustIp('10.9.0.2'), peerAs: 65002 },
    });
    const feed = new TableFeed();
    for (const record of found) feed.add(record);
    expect(feed.end().map(asUpdate)).toMatchObject([
      { attributes: { asPath: asSequence(65001) } },
      { attributes: { asPath: asSequence(65002, 65001) } },
    ]);
    expect(feed.skipped).toBe(0);
  });

  test('tells routes with attributes of nearly a whole message, and leaves out longer ones', () => {
    const path = (communities: number): MrtRecord => ({
      ...{ kind: 'rib', at: { seconds: 1 }, family: 'ipv4-unicast', addPath: false, sequence: 0 },
      prefix: mustPrefix('192.0.2.0/24'),
      paths: [
        {
          ...{ peer: 0, originated: 0, pathId: 0 },
          attributes: encodeRibAttributes({
            ...{ origin: 'igp', asPath: asSequence(65001), nextHop: { ip: mustIp('10.0.0.2') } },
            communities: Array.from({ length: communities }, (_, i) => i),
          }),
        },
      ],
    });
    const feed = new TableFeed();
    const told = [...feed.add(path(980)), ...feed.add(path(300)), ...feed.end()];
    expect(told.map(message => asUpdate(message).attributes.communities?.length).sort()).toEqual([300, 980]);
    for (const message of told) expect(message.length).toBeLessThanOrEqual(4096);
    feed.add(path(1010));
    expect(feed.skipped).toBe(1);
  });

  test('tells another AS nothing that stays inside one (RFC 4271 §5.1.5, RFC 4456 §8), and its own all', () => {
    const [originatorId, reflector] = [mustIp('10.0.0.9') as Ip4, mustIp('10.0.0.8') as Ip4];
    const hop = { ip: mustIp('10.0.0.2') };
    const rib: MrtRecord = {
      ...{ kind: 'rib', at: { seconds: 1 }, family: 'ipv4-unicast', addPath: false, sequence: 0 },
      prefix: mustPrefix('192.0.2.0/24'),
      paths: [
        {
          ...{ peer: 0, originated: 0, pathId: 0 },
          attributes: encodeRibAttributes({
            ...{ localPref: 100, originatorId, clusterList: [reflector] },
            ...{ origin: 'igp', asPath: [], nextHop: hop },
          }),
        },
      ],
    };
    const told = (options: FeedOptions) => {
      const feed = new TableFeed(options);
      const [message = new Uint8Array(0)] = [...feed.add(rib), ...feed.end()];
      return Object.keys(asUpdate(message).attributes).sort();
    };
    const all = ['asPath', 'clusterList', 'localPref', 'nextHop', 'origin', 'originatorId'];
    expect(told({})).toEqual(all);
    expect(told({ prepend: 65001 })).toEqual(['asPath', 'nextHop', 'origin']);
    expect(told({ wire: { ...PLAIN_OPTIONS, external: true } })).toEqual(['asPath', 'nextHop', 'origin']);
  });

  test('reads the states that FRR has beside those of RFC 4271, when it forgets a peer', () => {
    const bytes = hex('0000fdea 0000fde9 0000 0001 0a090002 0a090001 0006 0008');
    const record = encodeMrt({ kind: 'other', at: { seconds: 9 }, type: 16, subtype: 5, bytes });
    expect(read(record)).toMatchObject([{ kind: 'state-change', from: 'Established', to: 'Deleted' }]);
  });

  test('puts our AS and next hop into what it feeds, and leaves out what it can not read', () => {
    const rib: MrtRecord = {
      ...{ kind: 'rib', at: { seconds: 1 }, family: 'ipv6-unicast', addPath: false, sequence: 0 },
      prefix: mustPrefix('2001:db8:1::/48'),
      paths: [{ peer: 0, originated: 0, pathId: 0, attributes: encodeRibAttributes(RICH) }],
    };
    expect(new TableFeed().add(rib)).toEqual([]);
    const feed = new TableFeed({ prepend: 65009, nextHops: { 6: V6.ip } });
    feed.add(rib);
    feed.add({ ...rib, paths: [{ peer: 0, originated: 0, pathId: 0, attributes: hex('4001') }] });
    expect(feed.skipped).toBe(1);
    const framer = new Framer();
    for (const message of feed.end()) framer.push(message);
    const frame = framer.next();
    if (frame === undefined || 'severity' in frame) throw new Error('no message');
    expect(decodeMessage(frame, PLAIN_OPTIONS)).toMatchObject({
      ok: true,
      value: {
        attributes: { asPath: asSequence(65009, 65001, 4_200_000_001) },
        mpReach: { nextHop: V6 },
        faults: [],
      },
    });
  });
});

/** A message as the UPDATE that it must be. */
function asUpdate(message: Uint8Array): UpdateMessage {
  const framer = new Framer();
  framer.push(message);
  const frame = framer.next();
  if (frame === undefined || 'severity' in frame) throw new Error('no message');
  const read = decodeMessage(frame, PLAIN_OPTIONS);
  if (!read.ok || read.value.kind !== 'update') throw new Error('no UPDATE');
  return read.value;
}

/** The bytes that a scripted peer would write to come up and announce a prefix. */
function scriptOf(peer: BytePeer): Uint8Array[] {
  const written: Uint8Array[] = [];
  const { write } = peer;
  peer.write = bytes => {
    written.push(bytes);
    return write.call(peer, bytes);
  };
  peer.establish().announce('192.0.2.0/24');
  return written;
}
