import type { PoolNames } from '@muslin/ipam';
import type { Family, Ip, Result } from '@muslin/net';
import type { CniFault } from './cni/cni-fault.ts';
import type { Delegation } from './ipam/delegation.ts';

/** For whom addresses are asked. */
export interface AddressRequest {
  readonly containerId: string;
  readonly network: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** The Pod object: its annotations may ask for pools or addresses. */
  readonly object: unknown;
  /** Pools of the network's configuration, for pods that name none, and families that it does not want. */
  readonly pools?: PoolNames;
  readonly without?: readonly Family[];
  /** What was reserved for this pod: taken where it still fits. */
  readonly promised?: readonly Ip[];
  /** Another plugin gives the addresses. */
  readonly delegation?: Delegation | undefined;
}

/** Why no address was given; `retry` when trying again later may help without anybody changing anything. */
export interface AddressFault {
  readonly code: 'no-address' | 'retry';
  readonly message: string;
  /** What a delegated plugin said, to be passed on. */
  readonly told?: CniFault;
}

/** Gives and takes back addresses in the cluster's blocks. */
export interface AddressBook {
  /** Addresses at once, without asking anybody: what this node keeps in hand. Undefined: `assign` must be asked. */
  take(request: AddressRequest): readonly Ip[] | undefined;
  /** Addresses in hand that nobody else gets until they are taken or let go; undefined: there are none, or the pod asks for its own. */
  reserve(request: Omit<AddressRequest, 'containerId' | 'network'>): readonly Ip[] | undefined;
  /** Reserved addresses that nobody came for. */
  letGo(ips: readonly Ip[]): void;
  /** After a restart: a pod has these addresses, whether or not the cluster was told. */
  recall(request: Omit<AddressRequest, 'object'>, ips: readonly Ip[]): void;
  assign(request: AddressRequest): Promise<Result<readonly Ip[], AddressFault>>;
  /**
   * Takes back everything that the container has; nothing to take back is fine. Once it returns this will happen, even if
   * the API server is away and this process dies; what is asked for later comes after it. Resolves when a loss of power
   * can't prevent it either.
   */
  release(containerId: string, network: string, delegation?: Delegation): Promise<void>;
  /** The same, when the API server is known to be away or unknown. */
  releaseLater(containerId: string, network: string): Promise<void>;
  /** What a delegated plugin said to the release; undefined: it did it, or was not asked. */
  freed(containerId: string, network: string): Promise<CniFault | undefined>;
  /** Whether a delegated plugin agrees; its fault when it does not. */
  ask(command: 'CHECK' | 'GC' | 'STATUS', delegation: Delegation): Promise<CniFault | undefined>;
}
