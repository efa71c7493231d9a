import type { BlockOwner, Inventory } from '@muslin/ipam';
import { formatPrefix, type Prefix } from '@muslin/net';

/** A block of a node that no BlockAffinity tells of. */
export interface UnannouncedBlock {
  readonly cidr: Prefix;
  readonly owner: BlockOwner;
}

/**
 * Blocks whose BlockAffinity somebody deleted, alone: routes of the block still go by the block itself, but what reads affinities (a
 * node that chooses blocks, the clean-up after a lost node) does not see it. Two looks must agree, as a block that is just being given
 * back seems so for a moment.
 */
export function unannouncedBlocks(
  { blocks, affinities }: Inventory,
  seen: ReadonlySet<string>,
): { readonly seen: ReadonlySet<string>; readonly announce: readonly UnannouncedBlock[] } {
  const keyOf = ({ cidr, owner }: UnannouncedBlock) => `${formatPrefix(cidr)} ${owner.type} ${owner.name}`;
  const announced = new Set(affinities.map(keyOf));
  const found = [...blocks.values()].flatMap(({ cidr, owner }): readonly UnannouncedBlock[] =>
    owner?.type === 'host' && !announced.has(keyOf({ cidr, owner })) ? [{ cidr, owner }] : [],
  );
  return { seen: new Set(found.map(keyOf)), announce: found.filter(each => seen.has(keyOf(each))) };
}
