import type { Pool } from '@muslin/api';
import { comparePrefix, formatPrefix, type Prefix, prefixCovers, prefixHas, widthOf } from '@muslin/net';
import { type Block, type BlockAddress, type BlockOwner, ipAt } from './block.ts';
import type { Inventory } from './inventory.ts';

/** How addresses are used; the last four add up to `total`. IPv6 pools give floating-point counts. */
export interface Usage {
  readonly total: number;
  readonly inUse: number;
  /** Released just now, not given out yet (ipCooldownSeconds). */
  readonly cooling: number;
  /** In an IPReservation, and not in use. */
  readonly reserved: number;
  readonly free: number;
}

/** One block. */
export interface BlockUsage extends Usage {
  readonly block: Block;
  /** Of `inUse`: held by a node that does not own the block. */
  readonly borrowed: number;
}

/** One pool, and its blocks in order. */
export interface PoolUsage extends Usage {
  readonly pool: Pool;
  readonly borrowed: number;
  readonly blocks: readonly BlockUsage[];
}

/** Every pool, by CIDR, and the blocks that are in none. */
export interface ClusterUsage {
  readonly pools: readonly PoolUsage[];
  readonly strays: readonly BlockUsage[];
}

/** What one address of a block is. */
export type AddressState = 'free' | 'in-use' | 'borrowed' | 'cooling' | 'reserved';

/** Counts addresses by pool and block. */
export function usageOf(
  inventory: Inventory,
  pools: readonly Pool[],
  reservations: readonly Prefix[],
): ClusterUsage {
  const blocks = [...inventory.blocks.values()]
    .sort((a, b) => comparePrefix(a.cidr, b.cidr))
    .map(block => blockUsage(block, reservations));
  const within = (pool: Pool) => blocks.filter(({ block }) => prefixCovers(pool.cidr, block.cidr));
  return {
    pools: [...pools]
      .sort((a, b) => comparePrefix(a.cidr, b.cidr))
      .map(pool => poolUsage(pool, within(pool), reservations)),
    strays: blocks.filter(({ block }) => !pools.some(pool => prefixCovers(pool.cidr, block.cidr))),
  };
}

/** What each address of a block is, in order. */
export function addressStates(block: Block, reservations: readonly Prefix[]): readonly AddressState[] {
  return block.allocations.map((index, ordinal) => {
    const attribute = index === null ? undefined : block.attributes[index];
    if (attribute === undefined)
      return reservations.some(reserved => prefixHas(reserved, ipAt(block, ordinal))) ? 'reserved' : 'free';
    if (attribute.releasedAt !== undefined) return 'cooling';
    return borrowerOf(block.owner, attribute) === undefined ? 'in-use' : 'borrowed';
  });
}

/** The node that holds an address of another node's block; undefined when it is its own, or has no owner or node. */
export function borrowerOf(
  owner: BlockOwner | undefined,
  { secondary }: Pick<BlockAddress['attribute'], 'secondary'>,
): string | undefined {
  const node = secondary['node'];
  return owner?.type === 'host' && node !== owner.name ? node : undefined;
}

function blockUsage(block: Block, reservations: readonly Prefix[]): BlockUsage {
  const states = addressStates(block, reservations);
  const count = (state: AddressState) => states.filter(each => each === state).length;
  const borrowed = count('borrowed');
  return {
    ...{ block, borrowed, total: states.length, inUse: count('in-use') + borrowed },
    ...{ cooling: count('cooling'), reserved: count('reserved'), free: count('free') },
  };
}

function poolUsage(pool: Pool, blocks: readonly BlockUsage[], reservations: readonly Prefix[]): PoolUsage {
  const sum = (what: (block: BlockUsage) => number) => blocks.reduce((all, block) => all + what(block), 0);
  const total = sizeOf(pool.cidr);
  const inUse = sum(block => block.inUse);
  const cooling = sum(block => block.cooling);
  const inBlocks = sum(block => reservedIn(block.block.cidr, reservations));
  const reserved = reservedIn(pool.cidr, reservations) - inBlocks + sum(block => block.reserved);
  return {
    ...{ pool, blocks, total, inUse, cooling, reserved, borrowed: sum(block => block.borrowed) },
    free: Math.max(0, total - inUse - cooling - reserved),
  };
}

/** Addresses of a prefix that some reservation names. Two prefixes nest or are apart, so none is counted twice. */
function reservedIn(cidr: Prefix, reservations: readonly Prefix[]): number {
  if (reservations.some(reserved => prefixCovers(reserved, cidr))) return sizeOf(cidr);
  const inside = new Map(
    reservations
      .filter(reserved => prefixCovers(cidr, reserved))
      .map(reserved => [formatPrefix(reserved), reserved]),
  );
  const outermost = [...inside.values()].filter(
    reserved => ![...inside.values()].some(other => other !== reserved && prefixCovers(other, reserved)),
  );
  return outermost.reduce((all, reserved) => all + sizeOf(reserved), 0);
}

const sizeOf = ({ ip, length }: Prefix) => 2 ** (widthOf(ip.family) - length);
