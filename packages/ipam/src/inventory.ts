import { formatPrefix } from '@muslin/net';
import { type Affinity, affinityFromSpec } from './affinity.ts';
import { addressesOf, type Block, type BlockAddress } from './block.ts';
import { blockFromSpec } from './block-spec.ts';
import { type Handle, handleFromSpec } from './handle.ts';
import type { SpecFault, StoredObject } from './stored.ts';

/** Everything that the store holds about addresses, read. */
export interface Inventory {
  /** By CIDR text. */
  readonly blocks: ReadonlyMap<string, Block>;
  readonly affinities: readonly Affinity[];
  /** By handle ID. */
  readonly handles: ReadonlyMap<string, Handle>;
  readonly unreadable: readonly { readonly object: StoredObject; readonly fault: SpecFault }[];
}

/** An address in use, and its block. */
export interface InUse extends BlockAddress {
  readonly block: Block;
}

const TWICE: SpecFault = {
  code: 'unreadable',
  field: 'spec.cidr',
  message: 'spec.cidr is also that of another IPAMBlock',
};

/** Reads all IPAM objects; those that make no sense are set apart. */
export function inventoryOf(objects: Iterable<StoredObject>): Inventory {
  const blocks = new Map<string, Block>();
  const affinities: Affinity[] = [];
  const handles = new Map<string, Handle>();
  const unreadable: { readonly object: StoredObject; readonly fault: SpecFault }[] = [];
  for (const object of objects) {
    switch (object.kind) {
      case 'IPAMBlock': {
        const block = blockFromSpec(object.spec);
        if (!block.ok) unreadable.push({ object, fault: block.fault });
        else if (block.value.deleted) break;
        else if (!blocks.has(formatPrefix(block.value.cidr)))
          blocks.set(formatPrefix(block.value.cidr), block.value);
        else unreadable.push({ object, fault: TWICE });
        break;
      }
      case 'BlockAffinity': {
        const affinity = affinityFromSpec(object.spec);
        if (!affinity.ok) unreadable.push({ object, fault: affinity.fault });
        else if (!affinity.value.deleted) affinities.push(affinity.value);
        break;
      }
      case 'IPAMHandle': {
        const handle = handleFromSpec(object.spec);
        if (!handle.ok) unreadable.push({ object, fault: handle.fault });
        else if (!handle.value.deleted) handles.set(handle.value.handleId, handle.value);
        break;
      }
      default:
        object.kind satisfies never;
    }
  }
  return { blocks, affinities, handles, unreadable };
}

/** Every address in use. */
export function* addressesIn(inventory: Inventory): Generator<InUse> {
  for (const block of inventory.blocks.values())
    for (const address of addressesOf(block)) yield { ...address, block };
}
