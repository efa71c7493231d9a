import { ByteReader, fail, ok, type Result } from '@muslin/net';
import { mergeAs4Path } from './as-path.ts';
import {
  ATTRIBUTES,
  attributeKind,
  attributeRow,
  FLAG,
  type PathAttributes,
  type UnknownAttribute,
} from './attributes.ts';
import { ERROR_CODES } from './error-code.ts';
import { type AttributeFault, type ResetFault, resetFault } from './fault.ts';
import { type MpReach, readMpReach, readMpUnreach } from './mp-reach.ts';
import type { NlriBlock } from './nlri.ts';
import { AS_TRANS } from './open.ts';
import type { WireOptions } from './options.ts';

/** What the attribute list of an UPDATE gave. */
export interface AttributeList {
  attributes: { -readonly [K in keyof PathAttributes]: PathAttributes[K] };
  mpReach?: MpReach;
  mpUnreach?: NlriBlock;
  faults: AttributeFault[];
  /** MP_REACH_NLRI was there, of whatever family. */
  reachSeen: boolean;
  /** An attribute other than MP_UNREACH_NLRI was there. */
  otherSeen: boolean;
}

const updateFault = (subcode: number, message: string, rfc: string, data?: Uint8Array) =>
  resetFault(ERROR_CODES.update.code, subcode, message, rfc, data);

/** Reads the path attributes of an UPDATE (RFC 4271 §6.3 as revised by RFC 7606). */
export function readAttributes(bytes: Uint8Array, options: WireOptions): Result<AttributeList, ResetFault> {
  const reader = new ByteReader(bytes);
  const list: AttributeList = { attributes: {}, faults: [], reachSeen: false, otherSeen: false };
  const unknown: UnknownAttribute[] = [];
  const seen: number[] = [];
  while (reader.left > 0) {
    const start = reader.offset;
    const flags = reader.u8();
    const code = reader.u8();
    const value = reader.take(flags & FLAG.extended ? reader.u16() : reader.u8());
    if (reader.overrun) {
      list.otherSeen = true;
      list.faults.push({
        severity: 'withdraw',
        attribute: 0,
        message: `attribute ${code} runs over the end of the attribute list`,
        rfc: 'RFC 7606 §4',
      });
      break;
    }
    if (seen.includes(code)) {
      if (code === 14 || code === 15) {
        return fail(updateFault(1, `attribute ${code} appears twice`, 'RFC 7606 §3 g'));
      }
      list.faults.push({
        severity: 'discard',
        attribute: code,
        message: `attribute ${code} appears again; the first one counts`,
        rfc: 'RFC 7606 §3 g',
      });
      continue;
    }
    seen.push(code);
    if (code === 14) list.reachSeen = true;
    if (code !== 15) list.otherSeen = true;
    const whole = bytes.subarray(start, reader.offset);
    const fault = readAttribute(list, unknown, flags, code, value, whole, options);
    if (fault !== undefined) return fail(fault);
  }
  if (unknown.length > 0) list.attributes.unknown = unknown.sort((a, b) => a.code - b.code);
  mergeFourOctet(list, options);
  return ok(list);
}

function readAttribute(
  list: AttributeList,
  unknown: UnknownAttribute[],
  flags: number,
  code: number,
  value: Uint8Array,
  whole: Uint8Array,
  options: WireOptions,
): ResetFault | undefined {
  if (code === 14 || code === 15) {
    if ((flags & 0xc0) !== FLAG.optional) list.faults.push(flagsFault(code));
    if (code === 14) {
      const reach = readMpReach(value, options);
      if (!reach.ok) return updateFault(9, reach.fault.message, reach.fault.rfc, whole.slice());
      if (reach.value.fault !== undefined) list.faults.push(reach.value.fault);
      if (reach.value.reach !== undefined) list.mpReach = reach.value.reach;
    } else {
      const routes = readMpUnreach(value, options);
      if (!routes.ok) return updateFault(9, routes.fault.message, routes.fault.rfc, whole.slice());
      if (routes.value !== undefined) list.mpUnreach = routes.value;
    }
    return undefined;
  }
  const kind = attributeKind(code);
  if (kind === undefined) {
    if ((flags & FLAG.optional) === 0) {
      const message = `attribute ${code} calls itself well-known but is unknown`;
      return updateFault(2, message, 'RFC 4271 §6.3', whole.slice());
    }
    if (flags & FLAG.transitive) unknown.push({ flags: flags | FLAG.partial, code, bytes: value.slice() });
    return undefined;
  }
  const row = attributeRow(kind);
  if (row.internalOnly && options.external) {
    const message = `${kind} from another AS has no meaning`;
    list.faults.push({ severity: 'discard', attribute: code, message, rfc: row.rfc });
    return undefined;
  }
  // RFC 6793 §4.1: between four-octet speakers these two must be ignored.
  if ((kind === 'as4Path' || kind === 'as4Aggregator') && options.fourOctetAs) return undefined;
  const expected = (row.optional ? FLAG.optional : 0) | (row.transitive ? FLAG.transitive : 0);
  if ((flags & 0xc0) !== expected) {
    list.faults.push(flagsFault(code));
    return undefined;
  }
  const parsed =
    kind === 'nextHop' && value.length !== 4
      ? fail(`has ${value.length} octets instead of 4`)
      : row.decode(value, options);
  if (parsed.ok) (list.attributes as Record<string, unknown>)[kind] = parsed.value;
  else {
    list.faults.push({
      severity: row.malformed,
      attribute: code,
      message: `${kind} ${parsed.fault}`,
      rfc: row.rfc,
    });
  }
  return undefined;
}

function flagsFault(code: number): AttributeFault {
  const message = `attribute ${code} has the wrong optional or transitive flag`;
  return { severity: 'withdraw', attribute: code, message, rfc: 'RFC 7606 §3 c' };
}

/** Replaces what a two-octet speaker had to write as AS_TRANS (RFC 6793 §4.2.3). */
function mergeFourOctet(list: AttributeList, options: WireOptions): void {
  if (options.fourOctetAs) return;
  const { as4Path, as4Aggregator, asPath, aggregator } = list.attributes;
  delete list.attributes.as4Path;
  delete list.attributes.as4Aggregator;
  // An aggregator that a two-octet speaker made anew tells that both AS4 attributes are out of date.
  if (aggregator !== undefined && as4Aggregator !== undefined) {
    if (aggregator.asNumber !== AS_TRANS) return;
    list.attributes.aggregator = as4Aggregator;
  }
  if (asPath !== undefined && as4Path !== undefined) list.attributes.asPath = mergeAs4Path(asPath, as4Path);
}

/** Adds a fault for each missing mandatory attribute (RFC 7606 §3 d). */
export function checkPresence(list: AttributeList, announced: NlriBlock): void {
  const plain = announced.bytes.length > 0;
  if (!plain && (list.mpReach === undefined || list.mpReach.nlri.bytes.length === 0)) return;
  const wanted = plain ? (['origin', 'asPath', 'nextHop'] as const) : (['origin', 'asPath'] as const);
  for (const kind of wanted) {
    const code = ATTRIBUTES[kind].code;
    if (list.attributes[kind] === undefined && !list.faults.some(f => f.attribute === code)) {
      const message = `${kind} is missing`;
      list.faults.push({ severity: 'withdraw', attribute: code, message, rfc: 'RFC 7606 §3 d' });
    }
  }
}

/** Whether the list itself announces routes. */
export function encodesRoutes(list: AttributeList): boolean {
  // A family that was not agreed on counts: its routes were found, and ignored.
  return list.reachSeen && (list.mpReach === undefined || list.mpReach.nlri.bytes.length > 0);
}
