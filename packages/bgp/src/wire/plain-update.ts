import { plainAttributes } from './plain-attributes.ts';
import type { WireOptions } from './options.ts';

/**
 * An IPv4 UPDATE whose attributes are already written as we store them, as offsets into the received bytes. Nearly all
 * UPDATEs of a full table are; the others are for `decodeUpdate`, which gives the same routes and attributes (property
 * test). One such object serves a whole connection: no object is made per UPDATE (`bench/relay.ts`).
 */
export class PlainUpdate {
  bytes: Uint8Array = new Uint8Array(0);
  /** IPv4 entries start with a path identifier (RFC 7911 §3). */
  addPath = false;
  withdrawnStart = 0;
  withdrawnEnd = 0;
  /** Empty when nothing is announced. */
  attributesStart = 0;
  attributesEnd = 0;
  routesStart = 0;
  routesEnd = 0;

  /** Reads an UPDATE body; false when it needs more thought, whether it is faulty or only unusual. */
  load(bytes: Uint8Array, start: number, end: number, options: WireOptions): boolean {
    if (!options.fourOctetAs || !options.families['ipv4-unicast'] || end - start < 4) return false;
    const addPath = options.addPath['ipv4-unicast'];
    const withdrawnStart = start + 2;
    const withdrawnEnd = withdrawnStart + u16(bytes, start);
    if (withdrawnEnd + 2 > end) return false;
    const attributesStart = withdrawnEnd + 2;
    const attributesEnd = attributesStart + u16(bytes, withdrawnEnd);
    if (attributesEnd > end) return false;
    const announces = attributesEnd < end;
    // Neither End-of-RIB nor attributes without routes are plain.
    if (announces !== attributesEnd > attributesStart) return false;
    if (!announces && withdrawnEnd === withdrawnStart) return false;
    if (!whole(bytes, withdrawnStart, withdrawnEnd, addPath)) return false;
    if (!whole(bytes, attributesEnd, end, addPath)) return false;
    if (announces && !plainAttributes(bytes, attributesStart, attributesEnd, options.external)) return false;
    this.bytes = bytes;
    this.addPath = addPath;
    this.withdrawnStart = withdrawnStart;
    this.withdrawnEnd = withdrawnEnd;
    this.attributesStart = attributesStart;
    this.attributesEnd = attributesEnd;
    this.routesStart = attributesEnd;
    this.routesEnd = end;
    return true;
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Whether IPv4 routes fill a range exactly (RFC 7606 §5.3). */
function whole(bytes: Uint8Array, start: number, end: number, addPath: boolean): boolean {
  let at = start;
  while (at < end) {
    if (addPath) at += 4;
    if (at >= end) return false;
    const length = bytes[at] as number;
    if (length > 32) return false;
    at += 1 + ((length + 7) >> 3);
  }
  return at === end;
}
