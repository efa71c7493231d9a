/** Flags that each attribute must have to be plain, by code; 0 for those that always need thought. */
const FLAGS: Uint8Array = new Uint8Array(256);
/** By code: a fixed length, or what the length must be a multiple of. */
const SIZE: Uint8Array = new Uint8Array(256);
const FIXED: Uint8Array = new Uint8Array(256);
/** Only from inside the AS. */
const INTERNAL: Uint8Array = new Uint8Array(256);
for (const [code, flags, size, fixed, internal] of [
  [1, 0x40, 1, 1, 0],
  [2, 0x40, 2, 0, 0],
  [3, 0x40, 4, 1, 0],
  [4, 0x80, 4, 1, 0],
  [5, 0x40, 4, 1, 1],
  [8, 0xc0, 4, 0, 0],
  [9, 0x80, 4, 1, 1],
  [10, 0x80, 4, 0, 1],
  [16, 0xc0, 8, 0, 0],
  [32, 0xc0, 12, 0, 0],
] as const) {
  FLAGS[code] = flags;
  SIZE[code] = size;
  FIXED[code] = fixed;
  INTERNAL[code] = internal;
}

/**
 * Whether an attribute list is without fault, complete for unicast routes, and byte for byte what `writeAttributes` makes
 * of its value: rising codes, exact flags, no length in two octets. `hop`: octets that the next hop must have; one that
 * is not of IPv4 has been looked at.
 */
export function plainAttributes(
  bytes: Uint8Array,
  start: number,
  end: number,
  external: boolean,
  hop: number,
): boolean {
  let before = 0;
  let mandatory = 0;
  let at = start;
  while (at + 3 <= end) {
    const code = bytes[at + 1] as number;
    const length = bytes[at + 2] as number;
    const size = SIZE[code] as number;
    // A flag of 0 also stops attributes that are not in the table.
    if (size === 0 || bytes[at] !== FLAGS[code] || code <= before) return false;
    if (external && INTERNAL[code] === 1) return false;
    before = code;
    const value = at + 3;
    at = value + length;
    if (at > end) return false;
    if (FIXED[code] === 1 ? length !== (code === 3 ? hop : size) : length % size !== 0) return false;
    if (code > 3) {
      if (length === 0) return false;
    } else {
      mandatory++;
      if (code === 1) {
        if ((bytes[value] as number) > 2) return false;
      } else if (code === 2) {
        if (!plainPath(bytes, value, at)) return false;
      } else if (hop === 4) {
        const top = bytes[value] as number;
        if (top === 0 || top === 127 || top >= 224) return false;
      }
    }
  }
  return at === end && mandatory === 3;
}

/** Whole segments that are sets or sequences, not empty, without AS 0 (RFC 7607 §2). */
function plainPath(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const kind = bytes[at] as number;
    const count = bytes[at + 1] as number;
    const stop = at + 2 + count * 4;
    if (kind < 1 || kind > 2 || count === 0 || stop > end) return false;
    for (at += 2; at < stop; at += 4) {
      if (
        ((bytes[at] as number) |
          (bytes[at + 1] as number) |
          (bytes[at + 2] as number) |
          (bytes[at + 3] as number)) ===
        0
      )
        return false;
    }
  }
  return at === end;
}
