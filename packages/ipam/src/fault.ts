import { formatIp, type Ip, type Prefix } from '@muslin/net';
import type { BlockAttribute } from './block.ts';
import type { ExcludedPool } from './pool-choice.ts';

/** One thing that was tried or decided on the way, for people. */
export interface Reason {
  /** Pool or block. */
  readonly at: string;
  readonly why: string;
}

interface Facts {
  /** Says what is wrong and what to do next. */
  readonly message: string;
  /** What was tried before. */
  readonly tried: readonly Reason[];
}

/** Why there is no address, or nothing was released. */
export type IpamFault =
  | (Facts & { readonly code: 'no-pool'; readonly excluded: readonly ExcludedPool[] })
  /** Every pool that may be used is full, for this node. */
  | (Facts & { readonly code: 'exhausted' })
  | (Facts & { readonly code: 'block-limit'; readonly limit: number })
  | (Facts & { readonly code: 'not-in-a-pool'; readonly ip: Ip })
  | (Facts & { readonly code: 'taken'; readonly ip: Ip; readonly heldBy: BlockAttribute })
  /** The address asked for is in the block of another node, and strictAffinity forbids that. */
  | (Facts & { readonly code: 'strict-affinity'; readonly ip: Ip })
  /** A block that was to be claimed has another owner. */
  | (Facts & { readonly code: 'claimed'; readonly cidr: Prefix; readonly by: string })
  /** A block that was to be given up still has addresses in use. */
  | (Facts & { readonly code: 'in-use'; readonly cidr: Prefix })
  /** The address is no longer the one that was to be released. */
  | (Facts & {
      readonly code: 'stale';
      readonly ip: Ip;
      readonly why: 'not-in-use' | 'other-handle' | 'other-life';
    })
  /** Others changed the same objects at every try. */
  | (Facts & { readonly code: 'gave-up' })
  /** A stored object makes no sense: it is left alone. */
  | (Facts & { readonly code: 'unreadable'; readonly object: string })
  /** The store did not answer. What was begun is found by its handle: repeat the request, or release the handle. */
  | (Facts & { readonly code: 'store' });

/** The fault for an address that no pool holds. */
export function notInAPool(ip: Ip, tried: readonly Reason[]): IpamFault {
  return { code: 'not-in-a-pool', ip, tried, message: `${formatIp(ip)} is in no enabled IPPool of this use` };
}

/** The fault for endless conflicts. */
export function gaveUp(what: string, tried: readonly Reason[]): IpamFault {
  return { code: 'gave-up', tried, message: `${what}: others changed it at every try; try again` };
}
