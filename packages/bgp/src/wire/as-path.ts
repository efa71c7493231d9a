import { ByteReader, fail, ok } from '@muslin/net';
import { type AttributeRow, OPTIONAL_TRANSITIVE, WELL_KNOWN } from './attribute-row.ts';
import { AS_TRANS } from './open.ts';

/** Segment kinds in the order of their codes from 1 (RFC 4271 §4.3, RFC 5065 §3). */
export const SEGMENT_KINDS = ['set', 'sequence', 'confed-sequence', 'confed-set'] as const;

/** One AS_PATH segment. */
export interface AsSegment {
  readonly kind: (typeof SEGMENT_KINDS)[number];
  readonly asNumbers: readonly number[];
}

/** AS_PATH: nearest AS first. */
export type AsPath = readonly AsSegment[];

function rowOf(
  code: number,
  rfc: string,
  flags: Pick<AttributeRow<never>, 'optional' | 'transitive'>,
  malformed: 'withdraw' | 'discard',
): AttributeRow<AsPath> {
  const wide = (options: { readonly fourOctetAs: boolean }) => code === 17 || options.fourOctetAs;
  return {
    code,
    rfc,
    ...flags,
    malformed,
    decode: (bytes, options) => {
      const reader = new ByteReader(bytes);
      const four = wide(options);
      const path: AsSegment[] = [];
      while (reader.left > 0) {
        const kind = SEGMENT_KINDS[reader.u8() - 1];
        const count = reader.u8();
        if (kind === undefined) return fail('has a segment of unknown kind');
        const confed = kind.startsWith('confed');
        if (options.external && confed && code !== 17) {
          return fail('has a confederation segment from outside (RFC 5065 §5)');
        }
        if (count === 0) return fail('has a segment without AS numbers');
        const asNumbers: number[] = [];
        for (let i = 0; i < count && !reader.overrun; i++) asNumbers.push(four ? reader.u32() : reader.u16());
        if (reader.overrun) return fail('has a segment that is cut off');
        if (asNumbers.includes(0)) return fail('holds AS 0 (RFC 7607 §2)');
        // RFC 6793 §6: in AS4_PATH such segments are dropped and the rest counts.
        if (!(confed && code === 17)) path.push({ kind, asNumbers });
      }
      return ok(path);
    },
    encode: (path, writer, options) => {
      const four = wide(options);
      for (const segment of path) {
        for (let at = 0; at < segment.asNumbers.length; at += 255) {
          const part = segment.asNumbers.slice(at, at + 255);
          writer.u8(SEGMENT_KINDS.indexOf(segment.kind) + 1).u8(part.length);
          for (const as of part) {
            if (four) writer.u32(as);
            else writer.u16(as > 0xffff ? AS_TRANS : as);
          }
        }
      }
    },
    show: showAsPath,
  };
}

/** AS_PATH (code 2). */
export const asPathRow = rowOf(2, 'RFC 4271 §5.1.2, RFC 6793', WELL_KNOWN, 'withdraw');
/** AS4_PATH (code 17): seen only between a four-octet and a two-octet speaker. */
export const as4PathRow = rowOf(17, 'RFC 6793 §4.2.2', OPTIONAL_TRANSITIVE, 'discard');

/** `64512 64513 {1,2}`; confederation segments in round brackets. */
export function showAsPath(path: AsPath): string {
  const brackets = { set: '{}', sequence: '', 'confed-sequence': '()', 'confed-set': '[]' } as const;
  return path
    .map(({ kind, asNumbers }) => {
      const [open = '', close = ''] = brackets[kind];
      return open + asNumbers.join(kind === 'set' || kind === 'confed-set' ? ',' : ' ') + close;
    })
    .join(' ');
}

/** A path that is one sequence. */
export function asSequence(...asNumbers: readonly number[]): AsPath {
  return asNumbers.length === 0 ? [] : [{ kind: 'sequence', asNumbers }];
}

/** Hops as the decision counts them: a set is one, confederation segments are none (RFC 4271 §9.1.2.2 a, RFC 5065 §5.3). */
export function asPathLength(path: AsPath): number {
  let hops = 0;
  for (const { kind, asNumbers } of path) {
    if (kind === 'sequence') hops += asNumbers.length;
    else if (kind === 'set') hops++;
  }
  return hops;
}

/** The AS that the route came from: the first of a leading sequence; 0 when there is none (RFC 4271 §9.1.2.2 c). */
export function neighbourAs(path: AsPath): number {
  const first = path.find(s => s.kind === 'sequence' || s.kind === 'set');
  return first?.kind === 'sequence' ? (first.asNumbers[0] ?? 0) : 0;
}

/** How often an AS is in the path. */
export function countAs(path: AsPath, asNumber: number): number {
  let count = 0;
  for (const segment of path) for (const as of segment.asNumbers) if (as === asNumber) count++;
  return count;
}

/** Puts an AS in front, `times` times (RFC 4271 §5.1.2 b 1); a full first segment gets a new one before it. */
export function prependAs(path: AsPath, asNumber: number, times = 1): AsPath {
  const added = Array.from({ length: times }, () => asNumber);
  const [first, ...rest] = path;
  if (first?.kind !== 'sequence' || first.asNumbers.length + times > 255) {
    return [{ kind: 'sequence', asNumbers: added }, ...path];
  }
  return [{ kind: 'sequence', asNumbers: [...added, ...first.asNumbers] }, ...rest];
}

/** Joins what a two-octet speaker sent with the AS4_PATH that it carried along (RFC 6793 §4.2.3). */
export function mergeAs4Path(path: AsPath, as4Path: AsPath): AsPath {
  const width = (p: AsPath) => p.reduce((n, s) => n + (s.kind.endsWith('set') ? 1 : s.asNumbers.length), 0);
  let missing = width(path) - width(as4Path);
  if (missing < 0) return path;
  const head: AsSegment[] = [];
  for (const segment of path) {
    if (missing === 0) break;
    const take = segment.kind.endsWith('set') ? segment.asNumbers.length : missing;
    const asNumbers = segment.asNumbers.slice(0, take);
    head.push({ kind: segment.kind, asNumbers });
    missing -= segment.kind.endsWith('set') ? 1 : asNumbers.length;
  }
  const last = head.at(-1);
  const next = as4Path[0];
  if (last?.kind === 'sequence' && next?.kind === 'sequence') {
    const asNumbers = [...last.asNumbers, ...next.asNumbers];
    return [...head.slice(0, -1), { kind: 'sequence', asNumbers }, ...as4Path.slice(1)];
  }
  return [...head, ...as4Path];
}

/** Whether a two-octet speaker can't be told this path in full. */
export function needsFourOctets(path: AsPath): boolean {
  return path.some(segment => segment.asNumbers.some(as => as > 0xffff));
}
