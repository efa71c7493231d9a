import { plainAttributes } from './plain-attributes.ts';
import type { WireOptions } from './options.ts';
import type { RouteFamily } from './route-family.ts';

/** Octets of MP_REACH_NLRI before the next hop, and of MP_UNREACH_NLRI before the routes (RFC 4760 §3, §4). */
const REACH_HEAD = 4;
const UNREACH_HEAD = 3;

/**
 * An UPDATE of one family whose attributes are written as we store them, but for the place of the next hop, as offsets
 * into octets. Nearly all UPDATEs of a full table are such; the others are for `decodeUpdate`, which gives the same routes
 * and attributes (property test). One such object serves a whole connection: no object is made per UPDATE
 * (`bench/relay.ts`).
 */
export class PlainUpdate {
  family: RouteFamily = 'ipv4-unicast';
  bytes: Uint8Array = new Uint8Array(0);
  /** Routes start with a path identifier (RFC 7911 §3). */
  addPath = false;
  withdrawnStart = 0;
  withdrawnEnd = 0;
  /** Where the attributes are: the received octets, or a copy that has the next hop in its place. */
  attributeBytes: Uint8Array = this.bytes;
  /** Empty when nothing is announced. */
  attributesStart = 0;
  attributesEnd = 0;
  routesStart = 0;
  routesEnd = 0;
  #copy = new Uint8Array(512);

  /** Reads an UPDATE body; false when it needs more thought, whether it is faulty or only unusual. */
  load(bytes: Uint8Array, start: number, end: number, options: WireOptions): boolean {
    if (!options.fourOctetAs || end - start < 4) return false;
    const withdrawnStart = start + 2;
    const withdrawnEnd = withdrawnStart + u16(bytes, start);
    if (withdrawnEnd + 2 > end) return false;
    const attributesStart = withdrawnEnd + 2;
    const attributesEnd = attributesStart + u16(bytes, withdrawnEnd);
    if (attributesEnd > end) return false;
    this.bytes = bytes;
    if (withdrawnEnd === withdrawnStart && attributesEnd === end)
      return this.#loadMultiprotocol(attributesStart, end, options);
    if (!options.families['ipv4-unicast']) return false;
    const announces = attributesEnd < end;
    // Attributes without routes are not plain.
    if (announces !== attributesEnd > attributesStart) return false;
    const addPath = options.addPath['ipv4-unicast'];
    if (!whole(bytes, withdrawnStart, withdrawnEnd, addPath, 32)) return false;
    if (!whole(bytes, attributesEnd, end, addPath, 32)) return false;
    if (announces && !plainAttributes(bytes, attributesStart, attributesEnd, options.external, 4))
      return false;
    this.family = 'ipv4-unicast';
    this.addPath = addPath;
    this.withdrawnStart = withdrawnStart;
    this.withdrawnEnd = withdrawnEnd;
    this.attributeBytes = bytes;
    this.attributesStart = attributesStart;
    this.attributesEnd = attributesEnd;
    this.routesStart = attributesEnd;
    this.routesEnd = end;
    return true;
  }

  /** IPv6 routes, told or taken back, alone in an UPDATE (RFC 4760, RFC 2545). */
  #loadMultiprotocol(start: number, end: number, options: WireOptions): boolean {
    if (!options.families['ipv6-unicast']) return false;
    this.family = 'ipv6-unicast';
    this.addPath = options.addPath['ipv6-unicast'];
    const { bytes } = this;
    let reachStart = 0;
    let reachEnd = 0;
    for (let at = start; at < end; ) {
      if (at + 3 > end) return false;
      const flags = bytes[at] as number;
      const code = bytes[at + 1] as number;
      const long = (flags & 0x10) !== 0;
      if (long && at + 4 > end) return false;
      const value = at + (long ? 4 : 3);
      const next = value + (long ? u16(bytes, at + 2) : (bytes[at + 2] as number));
      if (next > end) return false;
      if (code === 14 || code === 15) {
        if ((flags & 0xc0) !== 0x80) return false;
        if (code === 15) return at === start && next === end && this.#loadUnreach(value, end);
        if (reachEnd !== 0) return false;
        reachStart = value;
        reachEnd = next;
      } else if (long || code === 3) return false;
      at = next;
    }
    return reachEnd !== 0 && this.#loadReach(start, end, reachStart, reachEnd, options.external);
  }

  #loadUnreach(value: number, end: number): boolean {
    const routes = value + UNREACH_HEAD;
    // Without routes it is an End-of-RIB.
    if (routes >= end || !isIpv6(this.bytes, value)) return false;
    if (!whole(this.bytes, routes, end, this.addPath, 128)) return false;
    this.withdrawnStart = routes;
    this.withdrawnEnd = end;
    this.attributesStart = 0;
    this.attributesEnd = 0;
    this.routesStart = 0;
    this.routesEnd = 0;
    return true;
  }

  #loadReach(start: number, end: number, value: number, valueEnd: number, external: boolean): boolean {
    const { bytes } = this;
    if (value + REACH_HEAD > valueEnd || !isIpv6(bytes, value)) return false;
    const octets = bytes[value + 3] as number;
    const hop = value + REACH_HEAD;
    const routes = hop + octets + 1;
    if (routes >= valueEnd || !plainHop(bytes, hop, octets)) return false;
    if (!whole(bytes, routes, valueEnd, this.addPath, 128)) return false;
    if (this.#copy.length < end - start) this.#copy = new Uint8Array(end - start);
    const to = this.#copy;
    let out = 0;
    let placed = false;
    for (let at = start; at < end; ) {
      if (at < value && at + 4 >= value) {
        at = valueEnd;
        continue;
      }
      const next = at + 3 + (bytes[at + 2] as number);
      if (!placed && (bytes[at + 1] as number) > 3) {
        out = putHop(to, out, bytes, hop, octets);
        placed = true;
      }
      while (at < next) to[out++] = bytes[at++] as number;
    }
    if (!placed) out = putHop(to, out, bytes, hop, octets);
    if (!plainAttributes(to, 0, out, external, octets)) return false;
    this.withdrawnStart = 0;
    this.withdrawnEnd = 0;
    this.attributeBytes = to;
    this.attributesStart = 0;
    this.attributesEnd = out;
    this.routesStart = routes;
    this.routesEnd = valueEnd;
    return true;
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** AFI 2, SAFI 1. */
function isIpv6(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0 && bytes[at + 1] === 2 && bytes[at + 2] === 1;
}

/** A unicast address, and a link-local one behind it or nothing (RFC 2545 §3). */
function plainHop(bytes: Uint8Array, at: number, octets: number): boolean {
  const top = bytes[at] as number;
  if (top === 0 || top === 0xff) return false;
  if (octets === 16) return true;
  return octets === 32 && bytes[at + 16] === 0xfe && ((bytes[at + 17] as number) & 0xc0) === 0x80;
}

/** The next hop as we store that of any family. */
function putHop(to: Uint8Array, out: number, bytes: Uint8Array, hop: number, octets: number): number {
  to[out] = 0x40;
  to[out + 1] = 3;
  to[out + 2] = octets;
  for (let i = 0; i < octets; i++) to[out + 3 + i] = bytes[hop + i] as number;
  return out + 3 + octets;
}

/** Whether routes of up to `width` bits fill a range exactly (RFC 7606 §5.3). */
function whole(bytes: Uint8Array, start: number, end: number, addPath: boolean, width: number): boolean {
  let at = start;
  while (at < end) {
    if (addPath) at += 4;
    if (at >= end) return false;
    const length = bytes[at] as number;
    if (length > width) return false;
    at += 1 + ((length + 7) >> 3);
  }
  return at === end;
}
