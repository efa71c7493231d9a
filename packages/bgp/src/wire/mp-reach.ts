import { ByteReader, type ByteWriter, fail, ok, type Result } from '@muslin/net';
import type { AttributeFault } from './fault.ts';
import { type NextHop, nextHopFromBytes, writeNextHop } from './next-hop.ts';
import { type NlriBlock, nlriFault } from './nlri.ts';
import type { WireOptions } from './options.ts';
import { familyOfCodes, familyRow, type RouteFamily } from './route-family.ts';

/** MP_REACH_NLRI (RFC 4760 §3); `nextHop` is missing when it was no usable address. */
export interface MpReach {
  readonly nextHop?: NextHop;
  readonly nlri: NlriBlock;
}

interface MpFault {
  readonly message: string;
  readonly rfc: string;
}

/** Reads MP_REACH_NLRI. `reach` is missing when the family was not agreed on. */
export function readMpReach(
  bytes: Uint8Array,
  options: WireOptions,
): Result<{ readonly reach?: MpReach; readonly fault?: AttributeFault }, MpFault> {
  const reader = new ByteReader(bytes);
  const afi = reader.u16();
  const family = familyOfCodes(afi, reader.u8());
  const hopBytes = reader.take(reader.u8());
  reader.u8();
  if (reader.overrun) return fail({ message: 'MP_REACH_NLRI is cut off', rfc: 'RFC 7606 §5.3, §7.11' });
  if (family === undefined || !options.families[family]) {
    const message = `routes of AFI ${afi} were not agreed on and are ignored`;
    return ok({ fault: { severity: 'discard', attribute: 14, message, rfc: 'RFC 4760 §6' } });
  }
  if (!nextHopFits(hopBytes.length, family, options)) {
    const message = `a next hop of ${hopBytes.length} octets can't belong to ${family}`;
    return fail({ message, rfc: 'RFC 7606 §7.11' });
  }
  const nlri: NlriBlock = { family, addPath: options.addPath[family], bytes: reader.take(reader.left) };
  const wrong = nlriFault(nlri);
  if (wrong !== undefined) return fail({ message: `in MP_REACH_NLRI, ${wrong}`, rfc: 'RFC 7606 §5.3' });
  const hop = nextHopFromBytes(hopBytes);
  if (hop.ok) return ok({ reach: { nextHop: hop.value, nlri } });
  const message = `the next hop ${hop.fault}`;
  return ok({
    reach: { nlri },
    fault: { severity: 'withdraw', attribute: 14, message, rfc: 'RFC 4271 §6.3' },
  });
}

function nextHopFits(octets: number, family: RouteFamily, options: WireOptions): boolean {
  if (family === 'ipv6-unicast') return octets === 16 || octets === 32;
  return octets === 4 || (options.extendedNextHop && (octets === 16 || octets === 32));
}

/** Reads MP_UNREACH_NLRI; undefined when the family was not agreed on. */
export function readMpUnreach(
  bytes: Uint8Array,
  options: WireOptions,
): Result<NlriBlock | undefined, MpFault> {
  const reader = new ByteReader(bytes);
  const family = familyOfCodes(reader.u16(), reader.u8());
  if (reader.overrun) return fail({ message: 'MP_UNREACH_NLRI is cut off', rfc: 'RFC 7606 §5.3' });
  if (family === undefined || !options.families[family]) return ok(undefined);
  const nlri: NlriBlock = { family, addPath: options.addPath[family], bytes: reader.take(reader.left) };
  const wrong = nlriFault(nlri);
  return wrong === undefined
    ? ok(nlri)
    : fail({ message: `in MP_UNREACH_NLRI, ${wrong}`, rfc: 'RFC 7606 §5.3' });
}

/** Writes MP_REACH_NLRI up to where the routes start. */
export function writeMpReachHead(writer: ByteWriter, family: RouteFamily, nextHop: NextHop): void {
  const { afi, safi } = familyRow(family);
  writer.u16(afi).u8(safi).u8(0);
  const start = writer.length;
  writeNextHop(nextHop, writer);
  writer.patch8(start - 1, writer.length - start);
  writer.u8(0);
}
