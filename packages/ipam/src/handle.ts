import { formatPrefix, ok, type Prefix, type Result } from '@muslin/net';
import { badField, isMapping, rawSpec } from './spec-field.ts';
import type { SpecFault } from './stored.ts';

/**
 * An IPAMHandle as a value: in which blocks a handle may have addresses, and how many. It is written before a block
 * and cleared after it, so it names every block that holds an address of the handle, and perhaps more.
 */
export interface Handle {
  readonly handleId: string;
  /** Counts by block CIDR, as text. */
  readonly blocks: ReadonlyMap<string, number>;
  readonly deleted: boolean;
}

/** Reads an IPAMHandle's spec. */
export function handleFromSpec(spec: unknown): Result<Handle, SpecFault> {
  const raw = rawSpec(spec);
  if (!raw.ok) return raw;
  const { handleID: handleId, block = {}, deleted } = raw.value;
  if (typeof handleId !== 'string' || handleId === '') return badField('handleID', 'is missing');
  if (!isMapping(block)) return badField('block', 'is not a mapping of block to count');
  const blocks = new Map<string, number>();
  for (const [cidr, count] of Object.entries(block)) {
    if (typeof count !== 'number') return badField('block', `has no count for ${cidr}`);
    blocks.set(cidr, count);
  }
  return ok({ handleId, blocks, deleted: deleted === true });
}

/** Writes an IPAMHandle's spec. */
export function handleToSpec(handle: Handle): Record<string, unknown> {
  return {
    handleID: handle.handleId,
    block: Object.fromEntries(handle.blocks),
    deleted: handle.deleted,
  };
}

/** The handle with `by` more addresses in a block; a count of zero or less drops the block. */
export function countInBlock(handle: Handle, cidr: Prefix, by: number): Handle {
  const key = formatPrefix(cidr);
  const blocks = new Map(handle.blocks);
  const count = (blocks.get(key) ?? 0) + by;
  if (count > 0) blocks.set(key, count);
  else blocks.delete(key);
  return { ...handle, blocks };
}
