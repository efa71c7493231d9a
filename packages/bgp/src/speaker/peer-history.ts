import type { EndReason } from '../session/session-state.ts';
import type { NotificationMessage } from '../wire/notification.ts';
import type { ConnectionId } from './input.ts';

/**
 * How a call ended that never became a connection: `refused` (a reset came back), `unanswered` (nothing came back),
 * `no-route` (the node knows no way), `no-neighbour` (a router, or address resolution, says that nobody is there),
 * `no-source` (the source address is not this node's), `blocked-here` (a route or the firewall of this node says no), `not-tried` (the shell could not even begin).
 */
export type ReachFailure =
  | 'refused'
  | 'unanswered'
  | 'no-route'
  | 'no-neighbour'
  | 'no-source'
  | 'blocked-here'
  | 'not-tried';

/** What is known about reaching the peer by TCP. Times in milliseconds on the clock of `handle`. */
export interface Reach {
  readonly failure: ReachFailure;
  /** In the words of the system that failed. */
  readonly message: string;
  readonly at: number;
}

/** The end of a session that had got at least our OPEN. */
export interface PeerEnd {
  readonly reason: EndReason;
  readonly at: number;
  /** Routes were at stake. */
  readonly established: boolean;
}

/** A NOTIFICATION, sent or received. */
export interface PeerNotification {
  readonly direction: 'in' | 'out';
  readonly message: NotificationMessage;
  readonly at: number;
}

/** What went wrong with a peer so far, as far as it explains what it does now. */
export interface PeerHistory {
  /** The last call failed; undefined once TCP worked again. */
  readonly reach: Reach | undefined;
  /** Leaves collisions out: one of two connections is kept, so they end nothing. */
  readonly lastEnd: PeerEnd | undefined;
  readonly lastNotification: PeerNotification | undefined;
  /** Connections closed because another one to the same peer was kept (RFC 4271 §6.8). */
  readonly collisions: number;
}

/** A call shorter than this was given up for another reason than silence. */
const SHORTEST_SILENCE = 1000;
const COLLISION = 7;
/** The code of a fault in an OPEN (RFC 4271 §4.5). */
const OPEN_ERROR = 2;
/** So long after an OPEN was refused, hanging up on us is taken for the other's way to wait (BIRD "error wait time", FRR and GoBGP alike). */
const SULKING_MS = 600_000;

/** Writes down what explains a peer. */
export class HistoryKeeper {
  #reach: Reach | undefined;
  #lastEnd: PeerEnd | undefined;
  #lastNotification: PeerNotification | undefined;
  #collisions = 0;
  #call: { readonly connection: ConnectionId; readonly at: number } | undefined;

  get view(): PeerHistory {
    return {
      reach: this.#reach,
      lastEnd: this.#lastEnd,
      lastNotification: this.#lastNotification,
      collisions: this.#collisions,
    };
  }

  dialled(connection: ConnectionId, now: number): void {
    this.#call = { connection, at: now };
  }

  /** Our call came through. */
  connected(): void {
    this.#call = undefined;
    this.#reach = undefined;
  }

  /** The peer's call came through; ours may still hang. */
  accepted(): void {
    this.#reach = undefined;
  }

  failed(failure: ReachFailure, message: string, now: number): void {
    this.#call = undefined;
    this.#reach = { failure, message, at: now };
  }

  /** We hung up. Gives the sentence when that was because nobody answered. */
  hungUp(connection: ConnectionId, now: number): string | undefined {
    const call = this.#call;
    if (call?.connection !== connection) return undefined;
    this.#call = undefined;
    if (now - call.at < SHORTEST_SILENCE) return undefined;
    const message = 'nothing answers the call';
    this.#reach = { failure: 'unanswered', message, at: now };
    return message;
  }

  ended(reason: EndReason, established: boolean, now: number): void {
    const { notification, cause } = reason;
    // A call that the peer gave up, as it calls again: no two connections stood against each other.
    if (cause === 'replaced') return;
    const direction = cause === 'notification-received' ? 'in' : 'out';
    if (cause === 'collision' || (notification?.code === 6 && notification.subcode === COLLISION)) {
      this.#collisions++;
      return;
    }
    if (notification !== undefined) this.#lastNotification = { direction, message: notification, at: now };
    if (cause === 'closed-by-peer' && !established && this.#isSulking(now)) return;
    this.#lastEnd = { reason, at: now, established };
  }

  /** Whether one side refused the other's OPEN lately: that explains why the peer takes no call now. */
  #isSulking(now: number): boolean {
    const { reason, at } = this.#lastEnd ?? { at: Number.NEGATIVE_INFINITY };
    return reason?.notification?.code === OPEN_ERROR && now - at < SULKING_MS;
  }
}
