import type { Ip4 } from '@muslin/net';
import type { Role } from '../wire/capability.ts';
import type { RouteFamily } from '../wire/route-family.ts';

/** Which AS the peer must be in: a number or one of several, or any other than ours, or ours. */
export type RemoteAs = number | readonly number[] | 'external' | 'internal';

/** What RFC 7911 is offered for: to receive, to send, or both. */
export interface AddPathOffer {
  readonly receive: boolean;
  readonly send: boolean;
}

/** What is offered for graceful restart (RFC 4724). */
export interface GracefulRestartOffer {
  /** Seconds that the peer should keep our routes, 0–4095. */
  readonly restartTime: number;
  /** This program just restarted. */
  readonly restarting: boolean;
  /** The kernel kept forwarding since the last session. */
  readonly forwarding: boolean;
  /** Seconds beyond the restart time that the peer should keep our routes as last resort (RFC 9494); 0 is off. */
  readonly longLivedTime?: number;
}

/** What one session needs to know. Times in seconds. */
export interface SessionConfig {
  readonly localAs: number;
  readonly routerId: Ip4;
  readonly remoteAs: RemoteAs;
  readonly passive: boolean;
  readonly families: readonly RouteFamily[];
  /** 0 or at least 3 (RFC 4271 §4.2). */
  readonly holdTime: number;
  /** Default: a third of the agreed hold time. */
  readonly keepaliveTime?: number;
  readonly connectRetryTime: number;
  /** First pause after an error; doubles up to 60 s (RFC 4271 §8.1.1 DampPeerOscillations). */
  readonly idleHoldTime: number;
  /** How long the peer may leave our bytes unread (RFC 9687); 0 is off. */
  readonly sendHoldTime: number;
  readonly extendedMessages: boolean;
  readonly extendedNextHop: boolean;
  readonly addPath: AddPathOffer;
  readonly gracefulRestart?: GracefulRestartOffer;
  readonly role?: Role;
  /** Refuse a peer that tells no role (RFC 9234 §4.2). */
  readonly strictRole?: boolean;
  readonly hostName?: string;
}
