/** What the rules for taking in and passing on must look at; without a mark there is nothing to look at. */
export const MARK = {
  /** A community of the reserved range 0xFFFF0000–0xFFFFFFFF (RFC 1997 §2). */
  wellKnown: 1,
  /** Something rare: see `readStoredColumns`. Such a set is judged as a value. */
  rare: 2,
  /** Extended communities, which may tell a bandwidth. */
  extended: 4,
  /** LLGR_STALE: the least of all routes (RFC 9494 §4.3). */
  lastResort: 8,
  /** The next hop is an IPv6 one. */
  hop6: 16,
} as const;

/** What the decision compares, read from a stored attribute set (RFC 4271 §9.1). */
export class StoredColumns {
  localPref = 0;
  pathLength = 0;
  origin = 0;
  med = 0;
  neighbourAs = 0;
  originatorId = 0;
  clusterLength = 0;
  /** IPv4 next hop, 0 for any other. */
  hop = 0;
  marks = 0;

  /**
   * Reads bytes that `writeAttributes` wrote with `PLAIN_OPTIONS`. Rare is: no ORIGIN, AS_PATH or next hop, a length
   * of two octets, a confederation segment, a non-transitive extended community, any attribute beyond RFC 4271, 1997,
   * 4360, 4456 and 8092.
   */
  read(bytes: Uint8Array, start: number, end: number, defaultLocalPref: number): void {
    this.localPref = defaultLocalPref;
    this.pathLength = 0;
    this.origin = 2;
    this.med = 0;
    this.neighbourAs = 0;
    this.originatorId = 0;
    this.clusterLength = 0;
    this.hop = 0;
    this.marks = 0;
    let mandatory = 0;
    for (let at = start; at < end; ) {
      const code = bytes[at + 1] as number;
      let value = at + 3;
      let length = bytes[at + 2] as number;
      if (((bytes[at] as number) & 0x10) !== 0) {
        length = (length << 8) | (bytes[value] as number);
        value++;
        this.marks |= MARK.rare;
      }
      at = value + length;
      switch (code) {
        case 1:
          this.origin = bytes[value] as number;
          mandatory++;
          break;
        case 2:
          this.#path(bytes, value, at);
          mandatory++;
          break;
        case 3:
          if (length === 4) this.hop = word(bytes, value);
          else this.marks |= MARK.hop6;
          mandatory++;
          break;
        case 4:
          this.med = word(bytes, value);
          break;
        case 5:
          this.localPref = word(bytes, value);
          break;
        case 6:
        case 7:
        case 32:
          break;
        case 8:
          for (let i = value; i < at; i += 4) {
            if (bytes[i] !== 255 || bytes[i + 1] !== 255) continue;
            this.marks |= MARK.wellKnown;
            if (bytes[i + 2] === 0 && bytes[i + 3] === 6) this.marks |= MARK.lastResort;
          }
          break;
        case 9:
          this.originatorId = word(bytes, value);
          break;
        case 10:
          this.clusterLength = length >> 2;
          break;
        case 16:
          this.marks |= MARK.extended;
          for (let i = value; i < at; i += 8) {
            if (((bytes[i] as number) & 0x40) !== 0) this.marks |= MARK.rare;
          }
          break;
        default:
          this.marks |= MARK.rare;
      }
    }
    if (mandatory !== 3) this.marks |= MARK.rare;
  }

  #path(bytes: Uint8Array, start: number, end: number): void {
    let first = true;
    for (let at = start; at < end; ) {
      const kind = bytes[at] as number;
      const count = bytes[at + 1] as number;
      if (kind > 2) this.marks |= MARK.rare;
      else {
        if (first && kind === 2) this.neighbourAs = word(bytes, at + 2);
        first = false;
        this.pathLength += kind === 2 ? count : 1;
      }
      at += 2 + count * 4;
    }
  }
}

/** Where the next hop of a stored set begins, one octet behind its length; -1 without one. */
export function storedHopAt(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; ) {
    if (bytes[at + 1] === 3) return at + 3;
    const long = ((bytes[at] as number) & 0x10) !== 0;
    at += long
      ? 4 + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
      : 3 + (bytes[at + 2] as number);
  }
  return -1;
}

/** Whether an AS number is anywhere in the AS_PATH of a stored set. */
export function storedPathHolds(bytes: Uint8Array, start: number, end: number, asNumber: number): boolean {
  for (let at = start; at < end; ) {
    const code = bytes[at + 1] as number;
    let value = at + 3;
    let length = bytes[at + 2] as number;
    if (((bytes[at] as number) & 0x10) !== 0) {
      length = (length << 8) | (bytes[value] as number);
      value++;
    }
    at = value + length;
    if (code !== 2) continue;
    for (let segment = value; segment < at; ) {
      const stop = segment + 2 + (bytes[segment + 1] as number) * 4;
      for (let i = segment + 2; i < stop; i += 4) if (word(bytes, i) === asNumber) return true;
      segment = stop;
    }
    return false;
  }
  return false;
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
