import type { NotificationMessage } from '../wire/notification.ts';
import type { Negotiated } from './negotiation.ts';

/** Where a session is (RFC 4271 §8.2.2). `retries` is the ConnectRetryCounter. */
export type SessionState =
  | { readonly name: 'Idle'; readonly retries: number }
  | { readonly name: 'Connect'; readonly retries: number }
  | { readonly name: 'Active'; readonly retries: number }
  | { readonly name: 'OpenSent'; readonly retries: number }
  | { readonly name: 'OpenConfirm'; readonly retries: number; readonly negotiated: Negotiated }
  | { readonly name: 'Established'; readonly retries: number; readonly negotiated: Negotiated };

/** Names of the states, least advanced first. */
export const STATE_NAMES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'] as const;
/** Name of a state. */
export type StateName = (typeof STATE_NAMES)[number];

/** Timers of RFC 4271 §10, the send hold timer of RFC 9687 and the idle hold timer of RFC 4271 §8.1.1. */
export const SESSION_TIMERS = ['connectRetry', 'hold', 'keepalive', 'sendHold', 'idleHold'] as const;
/** Name of a session timer. */
export type SessionTimer = (typeof SESSION_TIMERS)[number];

/** The state before anything happened. */
export const IDLE: SessionState = { name: 'Idle', retries: 0 };

/** Why a session ended. */
export interface EndReason {
  readonly cause:
    | 'stopped'
    | 'silent'
    | 'closed-by-peer'
    | 'notification-received'
    | 'protocol-error'
    | 'hold-timer'
    | 'send-hold-timer'
    | 'collision'
    | 'replaced';
  /** What was sent or received, if anything. */
  readonly notification?: NotificationMessage;
  /** In words: who is wrong and what it means. */
  readonly message: string;
}
