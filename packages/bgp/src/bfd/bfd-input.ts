import type { Ip } from '@muslin/net';

/** A UDP payload that came to port 3784 or 4784. */
export interface ReceivedControl {
  readonly from: Ip;
  /** The address that it was sent to. */
  readonly to: Ip;
  /** The interface by which it came, when known. */
  readonly interface?: string;
  /** TTL or hop limit on arrival. */
  readonly ttl: number;
  /** It came to the multihop port. */
  readonly multihop: boolean;
  readonly bytes: Uint8Array;
}

/** What happened. */
export type BfdInput =
  | ({ readonly kind: 'packet' } & ReceivedControl)
  /** A timer that `setTimer` asked for is due. Early or repeated firing is harmless. */
  | { readonly kind: 'timer'; readonly id: string };
