import type { Pool } from '@muslin/api';
import { offsetIp, type Prefix, prefix, prefixCovers, prefixesOverlap, widthOf } from '@muslin/net';
import { hash32 } from './hash.ts';
import { blockName } from './names.ts';

/** Blocks of one pool that are looked at: enough for any cluster, and offsets stay exact numbers in IPv6. */
const MOST_BLOCKS = 2 ** 32;

/**
 * Blocks of a pool that nobody has, one after the other from a start that the seed (the node's name) decides, with a
 * wrap at the end: nodes that claim at the same time seldom want the same block. A block is passed over when it
 * overlaps an existing one of whatever size, or when reservations cover all of it.
 */
export function* freeBlockCandidates(
  pool: Pick<Pool, 'cidr' | 'blockSize'>,
  existing: Iterable<Prefix>,
  seed: string,
  reservations: readonly Prefix[] = [],
): Generator<Prefix, void, undefined> {
  const bits = pool.blockSize - pool.cidr.length;
  if (bits < 0) return;
  const count = Math.min(2 ** bits, MOST_BLOCKS);
  const step = 2 ** (widthOf(pool.cidr.ip.family) - pool.blockSize);
  const same = new Set<string>();
  const odd: Prefix[] = [];
  for (const cidr of existing) {
    if (cidr.length === pool.blockSize) same.add(blockName(cidr));
    else if (prefixesOverlap(cidr, pool.cidr)) odd.push(cidr);
  }
  const start = Math.floor((hash32(seed) / 2 ** 32) * count);
  for (let i = 0; i < count; i++) {
    const cidr = prefix(offsetIp(pool.cidr.ip, ((start + i) % count) * step), pool.blockSize);
    if (same.has(blockName(cidr)) || odd.some(other => prefixesOverlap(other, cidr))) continue;
    if (reservations.some(reserved => prefixCovers(reserved, cidr))) continue;
    yield cidr;
  }
}

/** The block of a pool that an address belongs to. */
export function blockHolding(pool: Pick<Pool, 'blockSize'>, ip: Prefix['ip']): Prefix {
  return prefix(ip, pool.blockSize);
}
