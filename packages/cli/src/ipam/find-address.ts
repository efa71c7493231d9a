import type { Pool } from '@muslin/api';
import {
  type AddressState,
  addressStates,
  type Block,
  type BlockAddress,
  type BlockAttribute,
  addressesOf,
  borrowerOf,
  ordinalOf,
} from '@muslin/ipam';
import { type Ip, prefixHas } from '@muslin/net';
import type { Ledger } from './ledger.ts';

/** All that the ledger knows about one address. */
export interface AddressFacts {
  readonly ip: Ip;
  readonly pool: Pool | undefined;
  readonly block: Block | undefined;
  /** Undefined: no block holds it. */
  readonly state: AddressState | undefined;
  readonly held: BlockAddress | undefined;
  /** Of an address that cools down. */
  readonly last: BlockAttribute | undefined;
  /** The borrower, when it is borrowed. */
  readonly borrower: string | undefined;
  readonly reserved: boolean;
}

/** Finds an address in pools, blocks and reservations. */
export function findAddress({ inventory, pools, reservations }: Ledger, ip: Ip): AddressFacts {
  const block = [...inventory.blocks.values()].find(each => prefixHas(each.cidr, ip));
  const ordinal = block === undefined ? undefined : ordinalOf(block, ip);
  const held = block && addressesOf(block).find(address => address.ordinal === ordinal);
  const index = ordinal === undefined ? undefined : block?.allocations[ordinal];
  return {
    ip,
    pool: pools.find(pool => prefixHas(pool.cidr, ip)),
    block,
    state: block && ordinal !== undefined ? addressStates(block, reservations)[ordinal] : undefined,
    held,
    last: typeof index === 'number' ? block?.attributes[index] : undefined,
    borrower: held && borrowerOf(block?.owner, held.attribute),
    reserved: reservations.some(reserved => prefixHas(reserved, ip)),
  };
}

/** `web/p`, `Service web/s`, a kind of tunnel, or the bare handle. */
export function holderText({ secondary, handleId }: BlockAttribute): string {
  const { namespace, pod, service, type } = secondary;
  if (pod !== undefined) return `${namespace ?? ''}/${pod}`;
  if (service !== undefined) return `Service ${namespace ?? ''}/${service}`;
  return type ?? handleId ?? 'somebody without a handle';
}
