import type { BfdSession, BfdStateChange, BfdView, DiscardCode } from '@muslin/bgp';

/** A change of reachability, and when it was noticed: milliseconds since the epoch, with fractions. */
export interface BfdChange extends BfdStateChange {
  readonly at: number;
}

/** What the thread knows. */
export interface BfdReport {
  readonly sessions: readonly BfdView[];
  /** Packets that were not read, by reason. */
  readonly discarded: Readonly<Partial<Record<DiscardCode, number>>>;
}

/** What the thread is started with. */
export interface BfdStart {
  /** An eventfd that interrupts the thread's wait. */
  readonly wake: number;
  readonly seed: number;
  /** Path or name of the network namespace of its sockets; absent: that of the process. */
  readonly namespace?: string;
}

/** To the thread. */
export type BfdCommand =
  | { readonly kind: 'sessions'; readonly sessions: readonly BfdSession[] }
  | { readonly kind: 'report'; readonly ticket: number }
  | { readonly kind: 'stop' };

/** From the thread. */
export type BfdNews =
  | { readonly kind: 'state'; readonly change: BfdChange }
  | { readonly kind: 'report'; readonly ticket: number; readonly report: BfdReport }
  | { readonly kind: 'fault'; readonly message: string };
