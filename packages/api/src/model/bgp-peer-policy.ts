import type { Prefix } from '@muslin/net';
import type { SecretKeyRef } from './bgp.ts';
import type { Selector } from './selector.ts';

/** How a dead peer is noticed (RFC 5880). */
export interface BgpBfd {
  /** Milliseconds between packets, both ways. */
  readonly interval: number;
  readonly detectMultiplier: number;
  readonly multihop: boolean;
  /** Least TTL of received packets; only with `multihop`. */
  readonly minimumTtl: number | undefined;
}

/** How many routes of a family a peer may send, and what happens beyond. */
export interface BgpPrefixLimit {
  readonly family: 4 | 6;
  readonly most: number;
  readonly action: 'Warn' | 'Discard' | 'TearDown';
  /** Seconds; undefined: not by itself. */
  readonly restartAfter: number | undefined;
}

/** Our part in the relation to a peer (RFC 9234 §4.1). */
export type BgpRole = 'Provider' | 'Customer' | 'Peer' | 'RouteServer' | 'RouteServerClient';

/** How a session behaves where a policy says so; what is undefined is left to the next policy. Times in seconds. */
export interface BgpSessionTraits {
  /** 0: for ever. */
  readonly holdTime: number | undefined;
  readonly keepaliveTime: number | undefined;
  readonly connectRetryTime: number | undefined;
  readonly bfd: BgpBfd | undefined;
  readonly prefixLimits: readonly BgpPrefixLimit[] | undefined;
  readonly addPath: 'None' | 'Receive' | 'Send' | 'Both' | undefined;
  readonly clientToClient: boolean | undefined;
  readonly gracefulShutdown: boolean | undefined;
  /** 0: off. */
  readonly longLivedRestart: number | undefined;
  readonly ttlSecurityHops: number | undefined;
  readonly authentication: 'MD5' | 'TCPAO' | undefined;
  readonly role: BgpRole | undefined;
  readonly strictRole: boolean | undefined;
  readonly localAsPrepend: 'None' | 'Inbound' | 'Outbound' | 'Both' | undefined;
  readonly enforceFirstAs: boolean | undefined;
  readonly passive: boolean | undefined;
  /** The session is to be down, and what the peer is told of it. */
  readonly shutdown: { readonly message: string | undefined } | undefined;
  /** 0: off. */
  readonly sendHoldTime: number | undefined;
}

/** Who may be at the other end of a session that a policy makes. */
export interface BgpCallers {
  /** AS numbers, or any but ours, or ours. */
  readonly remoteAs: readonly number[] | 'External' | 'Internal';
  readonly password: SecretKeyRef | undefined;
  /** Names of BGPFilters, asked in this order. */
  readonly filters: readonly string[];
}

/** Peers that call by themselves. */
export interface BgpListenRange extends BgpCallers {
  readonly cidr: Prefix;
  /** How many at a time. */
  readonly most: number;
}

/** The router at the other end of an interface. */
export interface BgpUnnumbered extends BgpCallers {
  readonly interfaceName: string;
}

/** A BGPPeerPolicy with defaults applied. */
export interface BgpPeerPolicyFacts {
  readonly name: string;
  /** Of several policies for a session the lower one counts, then the name. */
  readonly order: number;
  /** Undefined: all. */
  readonly nodeSelector: Selector | undefined;
  readonly peerNames: ReadonlySet<string>;
  /** Over the labels of BGPPeers; undefined: none. */
  readonly peerSelector: Selector | undefined;
  readonly nodeMesh: boolean;
  readonly listenRanges: readonly BgpListenRange[];
  readonly interfaces: readonly BgpUnnumbered[];
  readonly traits: BgpSessionTraits;
}
