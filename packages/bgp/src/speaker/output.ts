import type { Ip, Prefix } from '@muslin/net';
import type { NextHop } from '../wire/next-hop.ts';
import type { StateName } from '../session/session-state.ts';
import type { RouteFamily } from '../wire/route-family.ts';
import type { ConnectionId } from './input.ts';
import type { PeerId, Transport } from './peer-config.ts';

/** One way to a destination. */
export interface BestNextHop extends NextHop {
  readonly peer: PeerId;
  /** Share of the traffic among equal ways, from link-bandwidth communities; 1 without. */
  readonly weight: number;
}

/** What the speaker wants done, in order. */
export type Output =
  | {
      readonly kind: 'dial';
      readonly peer: PeerId;
      readonly connection: ConnectionId;
      readonly remoteIp: Ip;
      readonly port: number;
      readonly transport: Transport;
    }
  | { readonly kind: 'send'; readonly connection: ConnectionId; readonly bytes: Uint8Array }
  /** Flush what was sent and close; for a connection being dialled: give up. */
  | { readonly kind: 'close'; readonly connection: ConnectionId }
  /** `at` in milliseconds on the clock of `handle`. A second `setTimer` with the same id replaces the first. */
  | { readonly kind: 'setTimer'; readonly id: string; readonly at: number }
  | { readonly kind: 'clearTimer'; readonly id: string }
  /**
   * The best way to a prefix is now this. `source` is `own` for a route that this speaker originates (nothing to
   * install), `none` when no route is left (remove it).
   */
  | {
      readonly kind: 'bestChanged';
      readonly prefix: Prefix;
      readonly source: 'own' | 'ebgp' | 'ibgp' | 'none';
      readonly nextHops: readonly BestNextHop[];
    }
  /** After a restart: all best ways of this family have been told, so whatever else is in the kernel is left over. */
  | { readonly kind: 'converged'; readonly family: RouteFamily }
  | {
      readonly kind: 'peerChanged';
      readonly peer: PeerId;
      readonly state: StateName;
      /** In words, when it fell. */
      readonly reason?: string;
    };
