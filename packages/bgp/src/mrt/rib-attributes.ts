import { ByteReader, ByteWriter, fail, ok, type Result } from '@muslin/net';
import { readAttributes } from '../wire/attribute-list.ts';
import {
  attributeKind,
  attributeRow,
  FLAG,
  type PathAttributes,
  writeAttribute,
  writeAttributes,
} from '../wire/attributes.ts';
import { type NextHop, nextHopFromBytes, writeNextHop } from '../wire/next-hop.ts';
import { PLAIN_OPTIONS } from '../wire/options.ts';
import type { MrtFault } from './mrt-record.ts';

const MP_REACH = 14;
const RFC = 'RFC 6396 §4.3.4';

/** Writes the attributes of a path as table dumps hold them: a next hop of IPv6 in MP_REACH_NLRI, and nothing else of it. */
export function encodeRibAttributes(attributes: PathAttributes): Uint8Array {
  const writer = new ByteWriter(128);
  const { nextHop, ...rest } = attributes;
  const outside = nextHop?.ip.family === 6 ? nextHop : undefined;
  writeAttributes(writer, outside === undefined ? attributes : rest, PLAIN_OPTIONS);
  if (outside === undefined) return writer.finish();
  const hop = new ByteWriter(33).u8(0);
  writeNextHop(outside, hop);
  hop.patch8(0, hop.length - 1);
  writeAttribute(writer, FLAG.optional, MP_REACH, hop.view());
  return writer.finish();
}

/**
 * Reads the attributes of a path; those of a `route` record have no AS numbers of four octets. Whole MP_REACH_NLRI attributes,
 * which some collectors write, are understood too.
 */
export function decodeRibAttributes(bytes: Uint8Array, fourOctetAs = true): Result<PathAttributes, MrtFault> {
  const plain = new ByteWriter(bytes.length);
  const reader = new ByteReader(bytes);
  let hop: NextHop | undefined;
  while (reader.left > 0) {
    const flags = reader.u8();
    const code = reader.u8();
    const value = reader.take(flags & FLAG.extended ? reader.u16() : reader.u8());
    if (reader.overrun) return fail({ message: 'the attributes of a path are cut off', rfc: RFC });
    if (code === MP_REACH) {
      const read = nextHopFromBytes(hopOctets(value));
      if (!read.ok) return fail({ message: `the next hop of a path ${read.fault}`, rfc: RFC });
      hop = read.value;
    } else writeAttribute(plain, flagsOf(code, flags), code, value);
  }
  const list = readAttributes(plain.finish(), { ...PLAIN_OPTIONS, fourOctetAs });
  if (!list.ok) return fail({ message: list.fault.message, rfc: list.fault.rfc });
  const worst = list.value.faults.find(fault => fault.severity === 'withdraw');
  if (worst !== undefined) return fail({ message: worst.message, rfc: worst.rfc });
  const { attributes } = list.value;
  return ok(hop === undefined ? attributes : { ...attributes, nextHop: hop });
}

/** A dump is no session: BIRD writes attributes of its own routes without their flags, and their code says what they are. */
function flagsOf(code: number, flags: number): number {
  const kind = attributeKind(code);
  if (kind === undefined) return flags;
  const { optional, transitive } = attributeRow(kind);
  return (flags & FLAG.partial) | (optional ? FLAG.optional : 0) | (transitive ? FLAG.transitive : 0);
}

/** Cut down, the value starts with the length of the next hop; whole, with an address family, whose first octet is 0. */
function hopOctets(value: Uint8Array): Uint8Array {
  const whole = value[0] === 0;
  const length = (whole ? value[3] : value[0]) ?? 0;
  const start = whole ? 4 : 1;
  return value.subarray(start, start + length);
}
