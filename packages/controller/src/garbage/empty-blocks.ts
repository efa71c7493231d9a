import type { Pool } from '@muslin/api';
import { type Block, type BlockOwner, type Inventory, sameOwner, settleCooled } from '@muslin/ipam';
import { comparePrefix, formatPrefix, type Prefix, prefixCovers } from '@muslin/net';

/** Since when each empty block is seen empty, by block and version; a value. */
export type EmptySince = ReadonlyMap<string, number>;

/** A block that its owner does not need. */
export interface EmptyBlock {
  readonly cidr: Prefix;
  readonly owner: BlockOwner;
}

/** Two looks are two observations when they are this far apart. */
const APART_MS = 60_000;

/**
 * Blocks to take from living nodes: seen empty twice with no write between, and never the last block of the node that
 * pods of this family can use. Blocks of pools that are disabled or gone are no use to anyone, so none of them is kept.
 */
export function emptyBlocks(
  inventory: Inventory,
  pools: readonly Pool[],
  nodes: ReadonlySet<string>,
  seen: EmptySince,
  time: { readonly now: number; readonly cooldownMs: number },
): { readonly seen: EmptySince; readonly release: readonly EmptyBlock[] } {
  const blocks = [...inventory.blocks.values()].sort((a, b) => comparePrefix(a.cidr, b.cidr));
  const usable = ({ cidr }: Block) => pools.some(pool => !pool.disabled && prefixCovers(pool.cidr, cidr));
  const isIdle = (block: Block) =>
    settleCooled(block, time.now, time.cooldownMs).allocations.every(index => index === null);
  const next = new Map<string, number>();
  const release: EmptyBlock[] = [];
  for (const owner of ownersOf(blocks, nodes))
    for (const family of [4, 6]) {
      const own = blocks.filter(block => sameOwner(block.owner, owner) && block.cidr.ip.family === family);
      let kept = own.some(block => usable(block) && !isIdle(block));
      for (const block of own) {
        if (!isIdle(block)) continue;
        if (usable(block) && !kept) {
          kept = true;
          continue;
        }
        const key = `${formatPrefix(block.cidr)} ${owner.name} ${block.sequenceNumber} ${block.claimedAt ?? ''}`;
        const since = seen.get(key) ?? time.now;
        next.set(key, since);
        if (time.now - since >= APART_MS) release.push({ cidr: block.cidr, owner });
      }
    }
  return { seen: next, release };
}

/** Living nodes that own a block; lost nodes' blocks are given back as a whole elsewhere. */
function ownersOf(blocks: readonly Block[], nodes: ReadonlySet<string>): readonly BlockOwner[] {
  const names = new Set(
    blocks.flatMap(({ owner }) => (owner?.type === 'host' && nodes.has(owner.name) ? [owner.name] : [])),
  );
  return [...names].map(name => ({ type: 'host', name }));
}
