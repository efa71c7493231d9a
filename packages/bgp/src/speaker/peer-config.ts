import type { Ip, Ip4, Ip6, Prefix } from '@muslin/net';
import type { Policy } from '../rib/policy.ts';
import { ACCEPT_ALL } from '../rib/policy.ts';
import type { AddPathOffer, RemoteAs } from '../session/session-config.ts';
import type { Role } from '../wire/capability.ts';
import { ALL_FAMILIES, type RouteFamily } from '../wire/route-family.ts';

/** Name of a peer, chosen by the caller. */
export type PeerId = string;

/** What happens when a peer sends too many routes of one family (RFC 4271 §6.7, RFC 4486 §4). */
export interface PrefixLimit {
  readonly most: number;
  /** Seconds until the session starts again; without it an operator must act. */
  readonly restartAfter?: number;
  /** Only tell, don't end the session. */
  readonly warnOnly?: boolean;
  /** Keep the session and ignore what is beyond the limit (RFC 4271 §6.7 a). A raised limit asks for a refresh. */
  readonly discard?: boolean;
}

/** How TCP reaches the peer. The speaker passes this on in `dial`; performing it is the shell's work. */
export interface Transport {
  /** Default 179. */
  readonly port?: number;
  /** Address to call from. */
  readonly source?: Ip;
  /** Interface of a link-local peer. */
  readonly interface?: string;
  /** Name of a key that the shell knows. */
  readonly passwordKey?: string;
  /** How that key signs segments: `md5`, the default (RFC 2385), or `tcp-ao` (RFC 5925), without which there is no session. */
  readonly auth?: 'md5' | 'tcp-ao';
  /** GTSM: packets must come from at most this many hops (RFC 5082). */
  readonly ttlSecurityHops?: number;
  /** TTL of our packets to a peer that is several hops away. */
  readonly multihopTtl?: number;
}

/** One peer. Times in seconds. */
export interface PeerConfig {
  readonly id: PeerId;
  readonly remoteIp: Ip;
  readonly remoteAs: RemoteAs;
  /** Our AS number on this session; default is the speaker's. */
  readonly localAs?: number;
  /**
   * Where `localAs` differs from the speaker's AS number: `inbound` puts it in front of received paths, `outbound`
   * leaves the speaker's number behind it in sent ones (RFC 7705 §3). Default: neither, it simply takes its place.
   */
  readonly localAsPrepend?: { readonly inbound?: boolean; readonly outbound?: boolean };
  readonly transport?: Transport;
  /** Wait for the peer's call only. */
  readonly passive?: boolean;
  /** Default true; false shuts the session down. */
  readonly enabled?: boolean;
  /** Why the session is shut down; the peer is told (RFC 9003). */
  readonly shutdownText?: string;
  /** Default: all. */
  readonly families?: readonly RouteFamily[];
  /** 0 (never) or at least 3. Default 90. */
  readonly holdTime?: number;
  readonly keepaliveTime?: number;
  /** Default 5. */
  readonly connectRetryTime?: number;
  /**
   * `auto`: unchanged inside our AS; towards others ourselves, but for next hops in `sharedSubnets`, which the peer
   * reaches by itself (RFC 4271 §5.1.3).
   */
  readonly nextHop?: 'auto' | 'self' | 'keep';
  /**
   * Others reach the peer's next hops through us alone, as those of a pod on this node: `auto` sessions are told our own
   * address in their place, inside our AS, too (RFC 4271 §5.1.3 leaves it to configuration). Default false.
   */
  readonly behindUs?: boolean;
  /** Subnets of the link that the peer's address is on, too. Default none. */
  readonly sharedSubnets?: readonly Prefix[];
  /** Our addresses as next hop, where the session's own address has the wrong family. */
  readonly nextHopSelf?: { readonly ipv4?: Ip4; readonly ipv6?: Ip6 };
  /** The peer is a client of this route reflector (RFC 4456). */
  readonly routeReflectorClient?: boolean;
  /** Whether this client is told routes of other clients. Default true; false where clients tell each other themselves. */
  readonly clientToClient?: boolean;
  /** Default: the speaker's. */
  readonly clusterId?: Ip4;
  /** Times that our own AS may be in the path of a received route. Default 0. */
  readonly allowAsIn?: number;
  /** Default true for peers in another AS. */
  readonly enforceFirstAs?: boolean;
  readonly importPolicy?: Policy;
  readonly exportPolicy?: Policy;
  readonly prefixLimit?: Readonly<Partial<Record<RouteFamily, PrefixLimit>>>;
  /**
   * The session is about to end: our routes are told as second choice, with GRACEFUL_SHUTDOWN and inside our AS with
   * LOCAL_PREF 0, and the peer's count as such here (RFC 8326 §4).
   */
  readonly gracefulShutdown?: boolean;
  /** Offer of graceful restart (RFC 4724): seconds that the peer should keep our routes; 0 is off. Default 120. */
  readonly gracefulRestartTime?: number;
  /**
   * Offer of long-lived graceful restart (RFC 9494): seconds that routes are kept as a last resort beyond the restart
   * time, here and over there; 0 is off. Default 0.
   */
  readonly longLivedTime?: number;
  readonly addPath?: AddPathOffer;
  readonly extendedMessages?: boolean;
  readonly extendedNextHop?: boolean;
  readonly role?: Role;
  /** Refuse a peer that tells no role (RFC 9234 §4.2). Default false. */
  readonly strictRole?: boolean;
  /** Default 480; 0 is off (RFC 9687). */
  readonly sendHoldTime?: number;
}

/** A configuration with its defaults filled in. */
export type FullPeerConfig = PeerConfig &
  Required<
    Omit<
      PeerConfig,
      'localAs' | 'localAsPrepend' | 'shutdownText' | 'keepaliveTime' | 'clusterId' | 'role' | 'strictRole'
    >
  >;

/** No family has a limit: told from others at a glance. */
export const NO_LIMITS: FullPeerConfig['prefixLimit'] = {};

/** Fills the defaults in: the only place where they exist. */
export function withDefaults(config: PeerConfig): FullPeerConfig {
  return {
    transport: {},
    passive: false,
    enabled: true,
    families: ALL_FAMILIES,
    holdTime: 90,
    connectRetryTime: 5,
    nextHop: 'auto',
    behindUs: false,
    sharedSubnets: [],
    nextHopSelf: {},
    routeReflectorClient: false,
    clientToClient: true,
    allowAsIn: 0,
    enforceFirstAs: true,
    importPolicy: ACCEPT_ALL,
    exportPolicy: ACCEPT_ALL,
    prefixLimit: NO_LIMITS,
    gracefulShutdown: false,
    gracefulRestartTime: 120,
    longLivedTime: 0,
    addPath: { receive: false, send: false },
    extendedMessages: true,
    extendedNextHop: true,
    sendHoldTime: 480,
    ...config,
  };
}

/** Fields that can change under a running session; any other difference ends it with Cease 6/6 (RFC 4486). */
const LIVE_FIELDS: ReadonlySet<string> = new Set([
  'enabled',
  'shutdownText',
  'nextHop',
  'behindUs',
  'sharedSubnets',
  'nextHopSelf',
  'routeReflectorClient',
  'clientToClient',
  'clusterId',
  'allowAsIn',
  'localAsPrepend',
  'enforceFirstAs',
  'importPolicy',
  'exportPolicy',
  'prefixLimit',
  'gracefulShutdown',
  'connectRetryTime',
  'sendHoldTime',
  'passive',
] satisfies (keyof PeerConfig)[]);

/** Names of the fields that differ. */
export function changedFields(a: FullPeerConfig, b: FullPeerConfig): (keyof PeerConfig)[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof PeerConfig>;
  return [...names].filter(name => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
}

/** Families of which routes may have been ignored that the new limit lets in. */
export function liftedLimits(before: FullPeerConfig, after: FullPeerConfig): RouteFamily[] {
  return ALL_FAMILIES.filter(family => {
    const old = before.prefixLimit[family];
    const now = after.prefixLimit[family];
    return old?.discard && (now === undefined || !now.discard || now.most > old.most);
  });
}

/** Whether a change of these fields needs a new session. */
export function needsReset(fields: readonly (keyof PeerConfig)[]): boolean {
  return fields.some(field => !LIVE_FIELDS.has(field));
}
