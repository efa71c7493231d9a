/** One attribute before it becomes bytes; `length` is a lie about the value's length. */
export interface DraftAttribute {
  flags: number;
  code: number;
  value: number[];
  length?: number;
}

/** An UPDATE before it becomes bytes, so that a mutation can change one thing and leave the rest well-formed. */
export interface UpdateDraft {
  withdrawn: number[];
  attributes: DraftAttribute[];
  nlri: number[];
  /** Lies about the two length fields. */
  withdrawnLength?: number;
  attributesLength?: number;
}

const u32 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

/** A route with every attribute that travels between two ASes. */
export function draftUpdate(
  as: readonly number[],
  nextHop: readonly number[],
  prefix: readonly number[],
): UpdateDraft {
  return {
    withdrawn: [],
    attributes: [
      { flags: 0x40, code: 1, value: [0] },
      { flags: 0x40, code: 2, value: [2, as.length, ...as.flatMap(u32)] },
      { flags: 0x40, code: 3, value: [...nextHop] },
      { flags: 0x80, code: 4, value: [0, 0, 0, 5] },
      { flags: 0x40, code: 6, value: [] },
      { flags: 0xc0, code: 7, value: [0, 0, 0xfd, 0xe8, 10, 0, 0, 9] },
      { flags: 0xc0, code: 8, value: [0xfd, 0xe8, 0, 1, 0xfd, 0xe8, 0, 2] },
      { flags: 0xc0, code: 16, value: [0, 2, 0xfd, 0xe8, 0, 0, 0, 100] },
      { flags: 0xc0, code: 32, value: [0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 0, 0, 0, 2] },
      { flags: 0xe0, code: 99, value: [1, 2] },
    ],
    nlri: [...prefix],
  };
}

/** A draft that shares nothing with this one. */
export function copyDraft(draft: UpdateDraft): UpdateDraft {
  const attributes = draft.attributes.map(a => ({ ...a, value: [...a.value] }));
  return { ...draft, withdrawn: [...draft.withdrawn], nlri: [...draft.nlri], attributes };
}

/** IPv6 routes in MP_REACH_NLRI, as a further attribute. */
export function draftReach(): DraftAttribute {
  const hop = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
  return { flags: 0x80, code: 14, value: [0, 2, 1, 16, ...hop, 0, 48, 0x20, 1, 0x0d, 0xb8, 0, 9] };
}

/** The body, lies and all. */
export function draftBody(draft: UpdateDraft): Uint8Array {
  const list = draft.attributes.flatMap(attributeOctets);
  const w = draft.withdrawnLength ?? draft.withdrawn.length;
  const a = draft.attributesLength ?? list.length;
  return Uint8Array.from([
    ...[(w >> 8) & 255, w & 255],
    ...draft.withdrawn,
    ...[(a >> 8) & 255, a & 255],
    ...list,
    ...draft.nlri,
  ]);
}

function attributeOctets({ flags, code, value, length = value.length }: DraftAttribute): number[] {
  const extended = (flags & 0x10) !== 0 || length > 255;
  const size = extended ? [(length >> 8) & 255, length & 255] : [length & 255];
  return [flags | (extended ? 0x10 : 0), code, ...size, ...value];
}
