import type { Labels, Pool } from '@muslin/api';
import type { Family, Ip, Prefix } from '@muslin/net';
import type { BlockOwner, Sequence } from './block.ts';
import type { Reason } from './fault.ts';
import type { IpamConfig } from './ipam-config.ts';
import type { Owner } from './owner.ts';
import type { PoolNames } from './pool-choice.ts';

/** Everything that an allocation depends on. A repeat with the same `handleId` gives the same addresses. */
export interface AllocationRequest {
  readonly handleId: string;
  readonly owner: Owner;
  readonly node: { readonly name: string; readonly labels: Labels };
  /** Of the pod or service, for namespaceSelector; undefined where there is none. */
  readonly namespace: { readonly labels: Labels } | undefined;
  /** One address of each; all or none. */
  readonly families: readonly Family[];
  /** These very addresses, at most one of each family. */
  readonly ips?: readonly Ip[];
  readonly poolNames?: PoolNames;
  readonly use: 'Workload' | 'Tunnel' | 'LoadBalancer';
  /** Whose blocks to use; default `host:<node>`. */
  readonly blockOwner?: BlockOwner;
  readonly pools: readonly Pool[];
  /** IPReservations: never assigned unless asked for by address. */
  readonly reservations: readonly Prefix[];
  readonly config: IpamConfig;
  /** Ms since the epoch. */
  readonly now: number;
}

/** By which way an address was found. */
export type How = 'repeated' | 'requested' | 'own-block' | 'new-block' | 'taken-over' | 'borrowed';

/** An address that the handle now holds. */
export interface AllocatedAddress {
  readonly ip: Ip;
  readonly block: Prefix;
  /** Name of its pool; undefined when the pool is gone meanwhile. */
  readonly pool: string | undefined;
  readonly how: How;
  /** Which life of the address this is: give it to `releaseIp`. */
  readonly sequence: Sequence | undefined;
}

/** The answer to an `AllocationRequest`: one address of each family, and what was tried on the way. */
export interface Allocation {
  readonly addresses: readonly AllocatedAddress[];
  readonly tried: readonly Reason[];
}

/** Whose blocks a request uses. */
export function blockOwnerOf(request: AllocationRequest): BlockOwner {
  return request.blockOwner ?? { type: 'host', name: request.node.name };
}
