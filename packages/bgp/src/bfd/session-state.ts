import type { BfdStateName } from './codec.ts';
import type { Diagnostic } from './diagnostic.ts';

/** A pair of intervals in microseconds (RFC 5880 §6.8.1). */
export interface Timing {
  /** bfd.DesiredMinTxInterval */
  readonly desiredMinTx: number;
  /** bfd.RequiredMinRxInterval */
  readonly requiredMinRx: number;
}

/** What the machine is told about its session. */
export interface BfdParameters extends Timing {
  /** bfd.DetectMult, 1 to 255. */
  readonly detectMultiplier: number;
}

/** What the peer's last packet said. Gone when nothing came for a detection time. */
export interface BfdRemote {
  readonly discriminator: number;
  readonly state: BfdStateName;
  readonly diagnostic: number;
  readonly demand: boolean;
  readonly desiredMinTx: number;
  readonly requiredMinRx: number;
  readonly detectMultiplier: number;
}

/**
 * `active`: our packets carry Poll until a Final comes. `again`: the values changed meanwhile, so that the coming
 * Final may answer the older ones, and another sequence follows (RFC 5880 §6.5).
 */
export type PollSequence = 'idle' | 'active' | 'again';

interface Kept {
  /** bfd.LocalDiag: why the state last changed. */
  readonly diagnostic: Diagnostic;
  /** What our packets say. */
  readonly told: Timing;
  /** What our timers obey: differs from `told` until the peer has confirmed a slower pace (RFC 5880 §6.8.3). */
  readonly inForce: Timing;
  readonly poll: PollSequence;
}

/** Where a session is (RFC 5880 §6.2). */
export type BfdState =
  | (Kept & { readonly name: 'AdminDown'; readonly remote: BfdRemote | undefined })
  | (Kept & { readonly name: 'Down'; readonly remote: BfdRemote | undefined })
  | (Kept & { readonly name: 'Init'; readonly remote: BfdRemote })
  | (Kept & { readonly name: 'Up'; readonly remote: BfdRemote });
