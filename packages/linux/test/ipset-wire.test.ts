import { type Ipset, temporarySetName } from '@muslin/dataplane';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatMember, parseMember, readMember, writeMember } from '../src/ipset/ipset-member.ts';
import { checkIpsetName } from '../src/ipset/ipset-op.ts';
import { createSetRequest, membersRequest, pairRequest, singleRequest } from '../src/ipset/ipset-requests.ts';
import { stepsBeside } from '../src/ipset/ipset-steps.ts';
import { NetlinkWriter } from '../src/netlink/message-writer.ts';
import { bytesOf, fromHex, shapeOf } from './wire-shape.ts';

/** IPSET_ATTR_LINENO: ipset counts lines of its file, we count members. */
const LINE = [9, 0x4009];
const members = (...texts: string[]) => texts.map(text => parseMember(text) ?? expect.fail(text));

/** What ipset 7.17 sent for the lines given to `ipset restore -exist` (its NLM_F_ACK is not compared). */
const VECTORS = [
  {
    line: 'create msl4-a hash:net family inet hashsize 1024 maxelem 65536',
    hex: '5c00000002060504e613016b000000000200000005000100070000000b0002006d736c342d6100000d000300686173683a6e657400000000050004000700000005000500020000001400078008001240000004000800134000010000',
    request: createSetRequest(
      { name: 'msl4-a', type: 'hash:net', family: 4, hashsize: 1024, maxelem: 65536 },
      7,
    ),
  },
  {
    line: 'create msl6-b hash:ip,port family inet6 hashsize 64 maxelem 100',
    hex: '6000000002060504e813016b000000000200000005000100070605040b0002006d736c362d62000011000300686173683a69702c706f7274000004000500040007000500050005000a0007801400078008001240000000400800134000000064',
    request: createSetRequest(
      { name: 'msl6-b', type: 'hash:ip,port', family: 6, hashsize: 64, maxelem: 100 },
      7,
    ),
  },
  {
    line: 'add msl4-a 10.0.0.0/8, add msl4-a 10.0.0.1/32',
    hex: '7400000009060500e913016b000000000200000005000100070605040b0002006d736c342d610000080009400000000344000880200007800c000180080001400a00000005000300080007800800094000000003200007800c000180080001400a00000105000300200000000800094000000004',
    request: membersRequest('add', 'msl4-a', members('10.0.0.0/8', '10.0.0.1/32'), formatMember),
  },
  {
    line: 'add msl6-b fd00::1,tcp:80, add msl6-b fd00::1,udp:53',
    hex: '9c00000009060500ea13016b000000000200000005000100070605000b0002006d736c362d62000008000940000000056c000880340007801800018014000240fd000000000000000000000000000001060004400050078005000700060001400800094000000005340007801800018014000240fd000000000000000000000000000001060004400035000005000700110000000800094000000006',
    request: membersRequest('add', 'msl6-b', members('fd00::1,tcp:80', 'fd00::1,udp:53'), formatMember),
  },
  {
    line: 'swap msl4-a msl4-a',
    hex: '3400000006060500eb13016b000000000200000005000100070605000b0002006d736c342d6100000b0003006d736c342d610080',
    request: pairRequest('swap', 'msl4-a', 'msl4-a'),
  },
  {
    line: 'del msl4-a 10.0.0.0/8',
    hex: '540000000a060500ec13016b000000000200000005000100070605000b0002006d736c342d610000080009400000000824000880200007800c000180080001400a00000005000300080000000800094000000008',
    request: membersRequest('remove', 'msl4-a', members('10.0.0.0/8'), formatMember),
  },
  {
    line: 'flush msl4-a',
    hex: '2800000004060500ed13016b000000000200000005000100070605000b0002006d736c342d610000',
    request: singleRequest('flush', 'msl4-a'),
  },
  {
    line: 'destroy msl4-a',
    hex: '2800000003060500ee13016b000000000200000005000100070605000b0002006d736c342d610000',
    request: singleRequest('destroy', 'msl4-a'),
  },
];

describe('requests are what ipset sends', () => {
  test.each(VECTORS)('$line', ({ hex, request }) => {
    const { flags: _, ...recorded } = shapeOf(fromHex(hex), 4, LINE);
    expect(shapeOf(bytesOf(request), 4, LINE)).toMatchObject(recorded);
  });
});

describe('members', () => {
  const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  const address = fc.oneof(
    octets.map(list => ({ text: list.join('.'), bits: 32 })),
    fc.ipV6().map(text => ({ text, bits: 128 })),
  );
  test('of both kinds and families survive the wire', () => {
    const member = fc.oneof(
      address.chain(({ text, bits }) => fc.integer({ min: 1, max: bits }).map(length => `${text}/${length}`)),
      fc
        .tuple(address, fc.constantFrom('tcp', 'udp', 'sctp'), fc.nat(65535))
        .map(([{ text }, protocol, port]) => `${text},${protocol}:${port}`),
    );
    fc.assert(
      fc.property(member, text => {
        const parsed = parseMember(text);
        if (parsed === undefined) return expect.fail(text);
        const writer = new NetlinkWriter();
        writeMember(writer, parsed, 1);
        expect(readMember(writer.finish(), parsed.ip.family)).toEqual(parsed);
        expect(parseMember(formatMember(parsed))).toEqual(parsed);
      }),
    );
  });

  test.each([
    '',
    '10.0.0.0/33',
    '10.0.0.1,tcp',
    '10.0.0.1,tcp:99999',
    '10.0.0.1,gre:1',
    '1.2.3.4 -j',
    '::/x',
  ])('%j is none', text => {
    expect(parseMember(text)).toBeUndefined();
  });
});

test.each(['-x', 'a b', 'a\nadd', '', 'x'.repeat(32)])('%j names no set', name => {
  expect(() => checkIpsetName(name)).toThrow("can't name an ipset");
});

test('a set is filled beside the one that it replaces, and what a crash left there goes first', () => {
  const set: Ipset = {
    name: 'msl4-x',
    family: 4,
    type: 'hash:net',
    maxelem: 8,
    hashsize: 64,
    members: new Set(['10.0.0.1/32']),
  };
  const beside = temporarySetName('msl4-x');
  expect(stepsBeside(set).map(step => [step.op, step.name])).toEqual([
    ['destroy', beside],
    ['create', beside],
    ['flush', beside],
    ['add', beside],
  ]);
});
