import { MARK } from './stored-columns.ts';

/** How a stored attribute set changes on its way to a peer. Zero leaves alone. */
export interface StoredEdit {
  /** Put in front of the AS path, and leave out what must stay inside the AS (RFC 4271 §5.1; RFC 4456 §8). */
  prepend: number;
  /** IPv4 next hop. */
  hop: number;
  /** IPv6 next hop: 16 or 32 octets. */
  hop6?: Uint8Array | undefined;
  /** LOCAL_PREF where there is none. */
  localPref: number;
  /** ORIGINATOR_ID where there is none. */
  originatorId: number;
  /** Put in front of CLUSTER_LIST. */
  clusterId: number;
}

const INTERNAL_CODES = [4, 5, 9, 10];

/**
 * Writes a changed copy of a set without a mark of `rare`; gives its length, or -1 where a length would need two octets.
 * `to` must have room for the set and 32 octets more.
 */
export function editStored(
  from: Uint8Array,
  start: number,
  end: number,
  edit: StoredEdit,
  to: Uint8Array,
): number {
  const outside = edit.prepend !== 0;
  let out = 0;
  let before = 3;
  for (let at = start; at < end; ) {
    const code = from[at + 1] as number;
    const length = from[at + 2] as number;
    const next = at + 3 + length;
    if (!outside) {
      // What is missing goes where its code belongs.
      if (edit.localPref !== 0 && before < 5 && code > 5) out = number(to, out, 0x40, 5, edit.localPref);
      if (edit.originatorId !== 0 && before < 9 && code > 9)
        out = number(to, out, 0x80, 9, edit.originatorId);
      if (edit.clusterId !== 0 && before < 10 && code > 10) out = number(to, out, 0x80, 10, edit.clusterId);
      if (code > 3) before = code;
    }
    if (outside && INTERNAL_CODES.includes(code)) {
      at = next;
      continue;
    }
    if (code === 3 && edit.hop !== 0) {
      out = number(to, out, 0x40, 3, edit.hop);
    } else if (code === 3 && edit.hop6 !== undefined) {
      to[out] = 0x40;
      to[out + 1] = 3;
      to[out + 2] = edit.hop6.length;
      out += 3;
      for (const octet of edit.hop6) to[out++] = octet;
    } else if (code === 2 && outside) {
      const joins = length > 0 && from[at + 3] === 2 && (from[at + 4] as number) < 255;
      const longer = length + (joins ? 4 : 6);
      if (longer > 255) return -1;
      to[out] = 0x40;
      to[out + 1] = 2;
      to[out + 2] = longer;
      to[out + 3] = 2;
      to[out + 4] = joins ? (from[at + 4] as number) + 1 : 1;
      out = word(to, out + 5, edit.prepend);
      for (let i = at + (joins ? 5 : 3); i < next; i++) to[out++] = from[i] as number;
    } else if (code === 10 && edit.clusterId !== 0) {
      if (length + 4 > 255) return -1;
      to[out] = 0x80;
      to[out + 1] = 10;
      to[out + 2] = length + 4;
      out = word(to, out + 3, edit.clusterId);
      for (let i = at + 3; i < next; i++) to[out++] = from[i] as number;
    } else {
      for (let i = at; i < next; i++) to[out++] = from[i] as number;
    }
    at = next;
  }
  if (outside) return out;
  if (edit.localPref !== 0 && before < 5) out = number(to, out, 0x40, 5, edit.localPref);
  if (edit.originatorId !== 0 && before < 9) out = number(to, out, 0x80, 9, edit.originatorId);
  if (edit.clusterId !== 0 && before < 10) out = number(to, out, 0x80, 10, edit.clusterId);
  return out;
}

/** Whether a set may be edited, not judged as a value. */
export function isEditable(marks: number): boolean {
  return (marks & (MARK.rare | MARK.wellKnown)) === 0;
}

function number(to: Uint8Array, at: number, flags: number, code: number, value: number): number {
  to[at] = flags;
  to[at + 1] = code;
  to[at + 2] = 4;
  return word(to, at + 3, value);
}

function word(to: Uint8Array, at: number, value: number): number {
  to[at] = value >>> 24;
  to[at + 1] = value >>> 16;
  to[at + 2] = value >>> 8;
  to[at + 3] = value;
  return at + 4;
}
