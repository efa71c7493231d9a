import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeFlow } from '../src/conntrack/conntrack-driver.ts';
import { readMember } from '../src/ipset/ipset-member.ts';
import { readListedPart } from '../src/ipset/ipset-requests.ts';
import {
  eachAttribute,
  type NetlinkMessage,
  NLM,
  readAttributes,
  readBe16,
  readBe32,
  readBe64,
  readMessages,
  readText,
  readU16,
  readU32,
  readU64,
} from '../src/netlink/message-reader.ts';
import { NetlinkWriter } from '../src/netlink/message-writer.ts';
import { errnoOf, netlinkFault } from '../src/netlink/netlink-fault.ts';
import { decodePacket } from '../src/nflog/packet-log.ts';
import { decodeAddress } from '../src/rtnetlink/addresses.ts';
import { decodeLink } from '../src/rtnetlink/links.ts';
import { decodeNeighbour } from '../src/rtnetlink/neighbours.ts';
import { decodeRoute } from '../src/rtnetlink/routes.ts';
import { decodeRule } from '../src/rtnetlink/rules.ts';
import { fromHex } from './wire-shape.ts';

const DECODERS = {
  decodeAddress,
  decodeLink,
  decodeNeighbour,
  decodeRoute,
  decodeRule,
  decodeFlow,
  decodePacket,
  readListedPart,
};

describe('writer and reader', () => {
  test('what is written is read, whatever the attribute lengths', () => {
    const attributes = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 0x3fff }), fc.uint8Array({ maxLength: 40 })),
    );
    fc.assert(
      fc.property(attributes, fc.integer({ min: 0, max: 0xffff }), fc.nat(), (list, type, sequence) => {
        const writer = new NetlinkWriter(16);
        writer.begin(type, NLM.request, sequence).u32(7);
        for (const [kind, value] of list) writer.attributeBytes(kind, value);
        writer.end().begin(1, 0, 0).end();
        const [message, next, ...more] = [...readMessages(writer.finish())];
        expect(message).toMatchObject({ type, flags: NLM.request, sequence });
        expect(next?.type).toBe(1);
        expect(more).toEqual([]);
        const found: [number, Uint8Array][] = [];
        eachAttribute(message?.payload ?? new Uint8Array(), 4, (kind, value) => {
          found.push([kind, value]);
        });
        expect(found).toEqual(list);
      }),
    );
  });

  test('nests hold their own attributes, and flag bits are not part of a type', () => {
    const writer = new NetlinkWriter();
    writer
      .begin(1, 0, 0)
      .attribute(5 | 0x8000, w => w.attribute32(6 | 0x4000, 9))
      .end();
    const [message] = [...readMessages(writer.finish())];
    const outer = readAttributes((message as NetlinkMessage).payload);
    expect([...outer.keys()]).toEqual([5]);
    expect(readU32(readAttributes(outer.get(5) as Uint8Array).get(6) as Uint8Array)).toBe(9);
  });

  test('an attribute of 64 kB is a bug, not a corrupt message', () => {
    const writer = new NetlinkWriter();
    expect(() => writer.begin(1, 0, 0).attribute(1, w => w.bytes(new Uint8Array(65_532)))).toThrow(
      RangeError,
    );
  });

  test('integers come in host order and in network order', () => {
    const bytes = fromHex('0102030405060708');
    expect([readU16(bytes), readBe16(bytes)]).toEqual([0x0201, 0x0102]);
    expect([readU32(bytes), readBe32(bytes)]).toEqual([0x04030201, 0x01020304]);
    expect(readU64(fromHex('0100000002000000'))).toBe(0x2_0000_0001);
    expect(readBe64(fromHex('0000000200000001'))).toBe(0x2_0000_0001);
    expect(readU32(fromHex('ff'))).toBe(0xff);
    expect(readText(fromHex('6c6f00ff'))).toBe('lo');
  });
});

describe('no bytes make a decoder throw', () => {
  test.each(Object.entries(DECODERS))('%s', (_, decode) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.uint8Array({ maxLength: 120 }), (type, payload) => {
        decode({ type, flags: 0, sequence: 0, payload });
        for (const subsystem of [1 << 8, 4 << 8]) decode({ type: subsystem, flags: 0, sequence: 0, payload });
      }),
      { numRuns: 1000 },
    );
  });

  test('readMessages, readMember and faults', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(0xffff), (payload, flags) => {
        for (const message of readMessages(payload))
          expect(message.payload.length).toBeLessThanOrEqual(payload.length);
        readMember(payload, 6);
        netlinkFault({ type: 2, flags, sequence: 0, payload }, 'test');
      }),
      { numRuns: 2000 },
    );
  });
});

describe('faults', () => {
  test("an extended acknowledgement's words and offset become the reason", () => {
    const writer = new NetlinkWriter();
    const words = new TextEncoder().encode('Invalid gateway\0');
    // errno -22 and the capped request header, then NLMSGERR_ATTR_MSG and _OFFS.
    writer
      .begin(2, NLM.capped | NLM.ackAttributes, 7)
      .u32(-22 >>> 0)
      .bytes(new Uint8Array(16));
    writer.attributeBytes(1, words).attribute32(2, 44).end();
    const [message] = [...readMessages(writer.finish())];
    expect(netlinkFault(message as NetlinkMessage, 'add route 10.0.0.0/8')).toEqual({
      code: 'EINVAL',
      errno: 22,
      call: 'add route 10.0.0.0/8',
      message: 'add route 10.0.0.0/8: Invalid gateway (EINVAL)',
      reason: 'Invalid gateway',
      offset: 44,
    });
  });

  test('words after an echoed request are found too', () => {
    const writer = new NetlinkWriter();
    writer
      .begin(2, NLM.ackAttributes, 7)
      .u32(-17 >>> 0)
      .u32(21)
      .bytes(new Uint8Array(12 + 8));
    writer.attributeBytes(1, new TextEncoder().encode('here\0')).end();
    const [message] = [...readMessages(writer.finish())];
    expect(netlinkFault(message as NetlinkMessage, 'x').reason).toBe('here');
  });

  test('a family names its own errors', () => {
    const message = { type: 2, flags: NLM.capped, sequence: 1, payload: fromHex('f9efffff') };
    expect(errnoOf(message)).toBe(4103);
    const names = new Map([[4103, ['IPSET_ERR_EXIST', 'there already']]]) as never;
    expect(netlinkFault(message, 'add', names)).toMatchObject({
      code: 'IPSET_ERR_EXIST',
      message: 'add: there already (IPSET_ERR_EXIST)',
    });
    expect(netlinkFault(message, 'add')).toMatchObject({ code: 'E4103' });
  });
});
