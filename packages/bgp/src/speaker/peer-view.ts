import type { Ip, Ip4 } from '@muslin/net';
import type { StateName } from '../session/session-state.ts';
import type { Capability } from '../wire/capability.ts';
import type { RouteFamily } from '../wire/route-family.ts';
import type { RemoteAs } from '../session/session-config.ts';
import type { PeerId } from './peer-config.ts';
import type { PeerHistory } from './peer-history.ts';

/** Messages counted since the peer was configured. */
export interface MessageCounts {
  readonly open: number;
  readonly update: number;
  readonly notification: number;
  readonly keepalive: number;
  readonly 'route-refresh': number;
}

/** Routes of one family on one session. */
export interface FamilyView {
  readonly family: RouteFamily;
  /** Both sides carry it. */
  readonly agreed: boolean;
  readonly received: number;
  /** Received and let in by loops checks and import policy. */
  readonly accepted: number;
  readonly advertised: number;
  /** Received before the peer restarted and not confirmed yet (RFC 4724). */
  readonly stale: number;
  /** Prefixes that wait because the peer reads slowly. */
  readonly queued: number;
  /** The peer has sent all its initial routes. */
  readonly endOfRib: boolean;
}

/** What is asked for on a session, as far as it may be what keeps it down. */
export interface PeerWish {
  readonly localAs: number;
  readonly remoteAs: RemoteAs;
  readonly routerId: Ip4;
  readonly port: number;
  readonly source: Ip | undefined;
  readonly passive: boolean;
  readonly enabled: boolean;
  /** What the peer is told while it is not enabled. */
  readonly shutdownText: string | undefined;
  /** Segments are signed (RFC 2385); the password itself is not known here. */
  readonly signed: boolean;
  /** RFC 5082. */
  readonly ttlSecurityHops: number | undefined;
  readonly families: readonly RouteFamily[];
  /** It broke its prefix limit, and its calls are refused until an operator or a timer says otherwise. */
  readonly overLimit: boolean;
}

/** What is going on with a peer. Times in milliseconds on the clock of `handle`. */
export interface PeerView {
  readonly id: PeerId;
  readonly remoteIp: Ip;
  readonly state: StateName;
  readonly since: number;
  /** In words: why the last session ended. */
  readonly lastError: string | undefined;
  /** In words: why no connection could be made since then. */
  readonly connectError: string | undefined;
  /** How often a session was established. */
  readonly established: number;
  readonly localIp: Ip | undefined;
  readonly remoteAs: number | undefined;
  readonly remoteId: Ip4 | undefined;
  readonly external: boolean | undefined;
  readonly holdTime: number | undefined;
  readonly keepaliveTime: number | undefined;
  readonly hostName: string | undefined;
  readonly wish: PeerWish;
  /** What went wrong so far. */
  readonly history: PeerHistory;
  /** What the peer offered. */
  readonly capabilities: readonly Capability[];
  readonly messagesIn: MessageCounts;
  readonly messagesOut: MessageCounts;
  readonly families: readonly FamilyView[];
  /** Which way routes carry path identifiers (RFC 7911), for at least one family. */
  readonly addPath: { readonly receive: boolean; readonly send: boolean };
  /** UPDATEs with faults that the session survived (RFC 7606). */
  readonly faults: { readonly withdraw: number; readonly discard: number; readonly last: string | undefined };
}
