/** One attribute as it stood on the wire. */
export interface ToldAttribute {
  readonly flags: number;
  readonly code: number;
  readonly value: Uint8Array;
}

/** A route as the examined speaker told it: read by a parser of its own, so that one fault is not on both sides. */
export interface Told {
  readonly attributes: readonly ToldAttribute[];
}

/** What an UPDATE says, for IPv4 and IPv6 unicast without path identifiers. Prefixes as `family/length/octets`. */
export interface Saying {
  readonly announced: readonly string[];
  readonly withdrawn: readonly string[];
  readonly attributes: readonly ToldAttribute[];
}

/** The name of a prefix: as it is packed on the wire. */
export function nameOf(packed: readonly number[], family = 4): string {
  return `${family}/${packed.join('.')}`;
}

function prefixes(bytes: Uint8Array, family: number): string[] {
  const list: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + (((bytes[at] as number) + 7) >> 3);
    list.push(nameOf([...bytes.subarray(at, at + size)], family));
    at += size;
  }
  return list;
}

/** Reads an UPDATE body that a speaker sent; throws when it is malformed. */
export function readUpdate(body: Uint8Array): Saying {
  const u16 = (at: number) => ((body[at] as number) << 8) | (body[at + 1] as number);
  const withdrawnEnd = 2 + u16(0);
  const end = withdrawnEnd + 2 + u16(withdrawnEnd);
  if (end > body.length) throw new Error('an UPDATE with lengths beyond its end');
  const attributes: ToldAttribute[] = [];
  for (let at = withdrawnEnd + 2; at < end; ) {
    const flags = body[at] as number;
    const long = (flags & 0x10) !== 0;
    const start = at + (long ? 4 : 3);
    const next = start + (long ? u16(at + 2) : (body[at + 2] as number));
    if (next > end) throw new Error('an UPDATE with an attribute beyond the list');
    attributes.push({ flags, code: body[at + 1] as number, value: body.slice(start, next) });
    at = next;
  }
  const reach = attributes.find(a => a.code === 14)?.value;
  const unreach = attributes.find(a => a.code === 15)?.value;
  const familyOf = (value: Uint8Array) => (value[1] === 2 ? 6 : 4);
  return {
    attributes,
    announced: [
      ...prefixes(body.subarray(end), 4),
      ...(reach === undefined ? [] : prefixes(reach.subarray(5 + (reach[3] as number)), familyOf(reach))),
    ],
    withdrawn: [
      ...prefixes(body.subarray(2, withdrawnEnd), 4),
      ...(unreach === undefined ? [] : prefixes(unreach.subarray(3), familyOf(unreach))),
    ],
  };
}

/** The value of an attribute as hexadecimal digits; undefined when it is not there. */
export function digitsOf(told: Told, code: number): string | undefined {
  const found = told.attributes.find(a => a.code === code);
  return found && [...found.value].map(b => b.toString(16).padStart(2, '0')).join('');
}
