import { type Prefix, prefixHas } from '@muslin/net';
import { type Block, ipAt, isEmpty } from './block.ts';
import type { StoredMetadata } from './stored.ts';

/**
 * Annotation of an IPAMBlock: positions (`3,7,12`) that only the block's owner gives out, so that it can do so without
 * asking anybody. They are free like any other; who has one of them is written into the block afterwards (`settleKept`).
 */
export const KEPT_ANNOTATION = 'muslin.dev/kept';

/** The free positions of a block that its owner keeps for itself. A text that makes no sense keeps them all. */
export function keptIn(metadata: Pick<StoredMetadata, 'annotations'>, block: Block): ReadonlySet<number> {
  const text = metadata.annotations?.[KEPT_ANNOTATION] ?? '';
  if (text === '') return new Set();
  const free = new Set(block.unallocated);
  if (!/^\d{1,4}(,\d{1,4})*$/.test(text)) return free;
  return new Set(text.split(',').map(Number)).intersection(free);
}

/** The metadata with other positions kept; none removes the annotation. */
export function withKept(metadata: StoredMetadata, kept: readonly number[]): StoredMetadata {
  const { [KEPT_ANNOTATION]: _, ...others } = metadata.annotations ?? {};
  const annotations = kept.length === 0 ? others : { ...others, [KEPT_ANNOTATION]: kept.join() };
  return { ...metadata, annotations };
}

/**
 * Which positions to keep from now on: those that are in hand already, then the ones that are free for longest. At most
 * `most`, and at most a quarter of what is free, so that a block that runs full serves everybody; none in an empty block,
 * which another node may need as a whole. `pinned` positions stay whatever the number: they may be with a pod already; so many
 * more as pods `wait` for one are kept for those, as if each had asked the block itself.
 */
export function chooseKept(
  block: Block,
  before: ReadonlySet<number>,
  pinned: ReadonlySet<number>,
  reservations: readonly Prefix[],
  most: number,
  wait = 0,
): readonly number[] {
  const near = reservations.filter(r => prefixHas(r, block.cidr.ip) || prefixHas(block.cidr, r.ip));
  const usable = (ordinal: number) => !near.some(r => prefixHas(r, ipAt(block, ordinal)));
  const free = block.unallocated;
  const spare = isEmpty(block) && pinned.size === 0 ? 0 : Math.min(most, Math.floor(free.length / 4));
  const room = Math.max(spare, wait === 0 ? 0 : pinned.size + wait);
  const ranked = [
    ...free.filter(ordinal => before.has(ordinal) && !pinned.has(ordinal) && usable(ordinal)),
    ...free.filter(ordinal => !before.has(ordinal) && !pinned.has(ordinal) && usable(ordinal)),
  ];
  const stay = free.filter(ordinal => pinned.has(ordinal));
  return [...stay, ...ranked.slice(0, Math.max(0, room - stay.length))];
}
