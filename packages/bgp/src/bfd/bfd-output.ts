import type { Ip } from '@muslin/net';
import type { BfdStateName } from './codec.ts';
import type { DiscardFault } from './discard.ts';
import type { BfdSession, BfdSessionId } from './session-config.ts';

/**
 * What a client of BFD needs to know. `adminDown`: one side turned BFD off, so go on as if there were none
 * (RFC 5882 §3.2); only `down` says that the peer can't be reached.
 */
export type Reachability = 'up' | 'down' | 'adminDown';

/** A change that clients act on. */
export interface BfdStateChange {
  readonly session: BfdSessionId;
  readonly peer: Ip;
  readonly state: Reachability;
  /** Diagnostic code of our side (RFC 5880 §4.1). */
  readonly diagnostic: number;
  /** Who noticed what, as a sentence without a full stop. */
  readonly inWords: string;
}

/** What the shell must do, in order. Times in milliseconds on the clock of `handle`. */
export type BfdOutput =
  /** Send to the session's peer and port, from its own source port, with this TTL (RFC 5881 §4, §5). */
  | { readonly kind: 'send'; readonly session: BfdSessionId; readonly bytes: Uint8Array; readonly ttl: 255 }
  /** A second `setTimer` with the same id replaces the first. */
  | { readonly kind: 'setTimer'; readonly id: string; readonly at: number }
  | { readonly kind: 'clearTimer'; readonly id: string }
  | ({ readonly kind: 'stateChanged' } & BfdStateChange)
  | { readonly kind: 'discarded'; readonly from: Ip; readonly fault: DiscardFault }
  /** A removed session has said goodbye: its socket may be closed. */
  | { readonly kind: 'ended'; readonly session: BfdSessionId };

/** A session as people see it. Times in milliseconds. */
export interface BfdView {
  readonly id: BfdSessionId;
  readonly session: BfdSession;
  readonly state: BfdStateName;
  readonly reachability: Reachability | undefined;
  readonly diagnostic: string;
  readonly localDiscriminator: number;
  /** 0 while the peer has not been heard. */
  readonly remoteDiscriminator: number;
  readonly remoteState: BfdStateName | undefined;
  readonly remoteDiagnostic: string | undefined;
  /** Between our packets; undefined when the peer wants none. */
  readonly transmitInterval: number | undefined;
  readonly detectionTime: number | undefined;
  readonly polling: boolean;
  readonly sent: number;
  readonly received: number;
  /** How often it came Up. */
  readonly ups: number;
}
