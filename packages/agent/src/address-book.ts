import type { Ip, Result } from '@muslin/net';

/** For whom addresses are asked. */
export interface AddressRequest {
  readonly containerId: string;
  readonly network: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** The Pod object: its annotations may ask for pools or addresses. */
  readonly object: unknown;
}

/** Why no address was given; `retry` when trying again later may help without anybody changing anything. */
export interface AddressFault {
  readonly code: 'no-address' | 'retry';
  readonly message: string;
}

/** Gives and takes back addresses in the cluster's blocks. */
export interface AddressBook {
  /** Addresses at once, without asking anybody: what this node keeps in hand. Undefined: `assign` must be asked. */
  take(request: AddressRequest): readonly Ip[] | undefined;
  /** After a restart: a pod has these addresses, whether or not the cluster was told. */
  recall(request: Omit<AddressRequest, 'object'>, ips: readonly Ip[]): void;
  assign(request: AddressRequest): Promise<Result<readonly Ip[], AddressFault>>;
  /**
   * Takes back everything that the container has; nothing to take back is fine. Once it returns this will happen, even if
   * the API server is away and this process dies; what is asked for later comes after it.
   */
  release(containerId: string, network: string): void;
  /** The same, when the API server is known to be away or unknown. */
  releaseLater(containerId: string, network: string): void;
}
