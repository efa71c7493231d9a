import { comparePrefix, type Prefix } from '@muslin/net';
import type { PrefixTable } from '../rib/prefix-table.ts';

/** A part of a list of routes, in address order. */
export interface RouteWindow {
  /** Only prefixes that come after this one. */
  readonly after?: Prefix;
  /** At most this many prefixes; all paths to each of them belong to it. */
  readonly most?: number;
}

/**
 * Numbers of the wanted prefixes in a window, in address order. A page of a full table costs one walk over it, and no
 * more memory than two pages.
 */
export function entriesIn(
  table: PrefixTable,
  { after, most = Number.POSITIVE_INFINITY }: RouteWindow,
  wanted: (entry: number) => boolean,
): readonly number[] {
  let found: { readonly prefix: Prefix; readonly entry: number }[] = [];
  let last: Prefix | undefined;
  const shorten = () => {
    found.sort((a, b) => comparePrefix(a.prefix, b.prefix));
    if (found.length <= most) return;
    found = found.slice(0, most);
    last = found.at(-1)?.prefix;
  };
  for (let entry = 1; entry < table.end; entry++) {
    if (!table.has(entry)) continue;
    const prefix = table.prefix(entry);
    if (after !== undefined && comparePrefix(prefix, after) <= 0) continue;
    if (last !== undefined && comparePrefix(prefix, last) >= 0) continue;
    if (!wanted(entry)) continue;
    found.push({ prefix, entry });
    if (found.length >= most * 2) shorten();
  }
  shorten();
  return found.map(({ entry }) => entry);
}
