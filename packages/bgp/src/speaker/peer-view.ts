import type { Ip, Ip4 } from '@muslin/net';
import type { StateName } from '../session/session-state.ts';
import type { Capability } from '../wire/capability.ts';
import type { RouteFamily } from '../wire/route-family.ts';
import type { PeerId } from './peer-config.ts';

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
  /** What the peer offered. */
  readonly capabilities: readonly Capability[];
  readonly messagesIn: MessageCounts;
  readonly messagesOut: MessageCounts;
  readonly families: readonly FamilyView[];
  /** UPDATEs with faults that the session survived (RFC 7606). */
  readonly faults: { readonly withdraw: number; readonly discard: number; readonly last: string | undefined };
}
