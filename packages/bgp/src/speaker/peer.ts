import type { Ip, Ip4 } from '@muslin/net';
import type { ExportTreatment } from '../rib/export-rules.ts';
import type { ImportTreatment } from '../rib/import-rules.ts';
import { formatIp } from '@muslin/net';
import type { RibPeer } from '../rib/rib-peer.ts';
import type { Negotiated } from '../session/negotiation.ts';
import type { SessionConfig } from '../session/session-config.ts';
import type { StateName } from '../session/session-state.ts';
import { findCapability } from '../wire/capability.ts';
import type { Message } from '../wire/message.ts';
import { isLinkLocal } from '../wire/next-hop.ts';
import { ALL_FAMILIES, type RouteFamily } from '../wire/route-family.ts';
import type { FullPeerConfig } from './peer-config.ts';
import { HistoryKeeper } from './peer-history.ts';
import type { Connection, PeerSessions } from './peer-sessions.ts';

/** The speaker's own settings that peers inherit. */
export interface SpeakerSettings {
  readonly asNumber: number;
  readonly routerId: Ip4;
  readonly clusterId: Ip4;
  readonly hostName: string | undefined;
  readonly honourGracefulShutdown: boolean;
  readonly restarting: boolean;
}

/** An established session, as the speaker needs it. */
export interface LiveSession {
  readonly negotiated: Negotiated;
  readonly connection: Connection;
  readonly importTreatment: ImportTreatment;
  readonly endOfRib: Set<RouteFamily>;
}

/** Everything that belongs to one peer. */
export interface Peer {
  readonly slot: number;
  config: FullPeerConfig;
  readonly sessions: PeerSessions;
  live: LiveSession | undefined;
  /** What was agreed on when routes were last kept. */
  lastSession: Negotiated | undefined;
  state: StateName;
  since: number;
  lastError: string | undefined;
  connectError: string | undefined;
  established: number;
  readonly messagesIn: Record<Message['kind'], number>;
  readonly messagesOut: Record<Message['kind'], number>;
  readonly faults: { withdraw: number; discard: number; last: string | undefined };
  readonly history: HistoryKeeper;
  /** Octets given to the shell that the kernel may not have taken. */
  unsent: number;
  readonly stale: Set<RouteFamily>;
  /** Families whose stale routes are a last resort by now (RFC 9494). */
  readonly longStale: Set<RouteFamily>;
  /** It broke its prefix limit: while Idle its calls are refused too, or it would be back at once. */
  held: boolean;
  /** One side refused the other's OPEN, so no session is to be expected before an operator acts. */
  refused: boolean;
  /** Its state may have changed in this call. */
  touched: boolean;
}

function noMessages(): Record<Message['kind'], number> {
  return { open: 0, update: 0, notification: 0, keepalive: 0, 'route-refresh': 0 };
}

/** A peer that has done nothing yet. */
export function newPeer(slot: number, config: FullPeerConfig, sessions: PeerSessions, now: number): Peer {
  return {
    slot,
    config,
    sessions,
    live: undefined,
    lastSession: undefined,
    state: 'Idle',
    since: now,
    lastError: undefined,
    connectError: undefined,
    established: 0,
    messagesIn: noMessages(),
    messagesOut: noMessages(),
    faults: { withdraw: 0, discard: 0, last: undefined },
    history: new HistoryKeeper(),
    unsent: 0,
    stale: new Set(),
    longStale: new Set(),
    held: false,
    refused: false,
    touched: false,
  };
}

/** What a session of this peer needs to know; `forwarding`: the kernel kept our routes since the last session. */
export function sessionConfigOf(
  config: FullPeerConfig,
  settings: SpeakerSettings,
  forwarding: boolean,
): SessionConfig {
  return {
    localAs: config.localAs ?? settings.asNumber,
    routerId: settings.routerId,
    remoteAs: config.remoteAs,
    passive: config.passive,
    families: config.families,
    holdTime: config.holdTime,
    connectRetryTime: config.connectRetryTime,
    idleHoldTime: 1,
    sendHoldTime: config.sendHoldTime,
    extendedMessages: config.extendedMessages,
    extendedNextHop: config.extendedNextHop,
    addPath: config.addPath,
    ...(config.keepaliveTime !== undefined && { keepaliveTime: config.keepaliveTime }),
    ...(config.role !== undefined && { role: config.role }),
    ...(config.strictRole !== undefined && { strictRole: config.strictRole }),
    ...(settings.hostName !== undefined && { hostName: settings.hostName }),
    ...(config.gracefulRestartTime > 0 && {
      gracefulRestart: {
        restartTime: config.gracefulRestartTime,
        restarting: settings.restarting,
        forwarding,
        longLivedTime: config.longLivedTime,
      },
    }),
  };
}

/** How routes from an established peer are taken in. */
export function importTreatmentOf(
  config: FullPeerConfig,
  settings: SpeakerSettings,
  negotiated: Negotiated,
  connection: Connection,
): ImportTreatment {
  const own = [connection.localIp, config.nextHopSelf.ipv4, config.nextHopSelf.ipv6];
  return {
    external: negotiated.external,
    localAs: negotiated.localAs,
    ...(negotiated.localAs !== settings.asNumber && { speakerAs: settings.asNumber }),
    ...(config.localAsPrepend?.inbound &&
      negotiated.external &&
      negotiated.localAs !== settings.asNumber && { prependLocalAs: true }),
    remoteAs: negotiated.remoteAs,
    routerId: settings.routerId,
    clusterId: config.clusterId ?? settings.clusterId,
    allowAsIn: config.allowAsIn,
    enforceFirstAs: config.enforceFirstAs,
    honourGracefulShutdown: settings.honourGracefulShutdown,
    gracefulShutdown: config.gracefulShutdown,
    role: config.role,
    mostReceived: discardLimits(config),
    ownAddresses: new Set(own.flatMap(ip => (ip === undefined ? [] : [formatIp(ip)]))),
    policy: config.importPolicy,
  };
}

function discardLimits(config: FullPeerConfig): Partial<Record<RouteFamily, number>> {
  const limits: Partial<Record<RouteFamily, number>> = {};
  for (const family of ALL_FAMILIES) {
    const limit = config.prefixLimit[family];
    if (limit?.discard) limits[family] = limit.most;
  }
  return limits;
}

/** How routes leave to an established peer. */
export function exportTreatmentOf(
  config: FullPeerConfig,
  settings: SpeakerSettings,
  negotiated: Negotiated,
  connection: Connection,
): ExportTreatment {
  return {
    external: negotiated.external,
    localAs: negotiated.localAs,
    ...(config.localAsPrepend?.outbound &&
      negotiated.localAs !== settings.asNumber && { behindAs: settings.asNumber }),
    client: config.routeReflectorClient && !negotiated.external,
    ...(config.routeReflectorClient && !config.clientToClient && { meshedClient: true }),
    clusterId: config.clusterId ?? settings.clusterId,
    nextHop: config.nextHop,
    ...(negotiated.external && config.sharedSubnets.length > 0 && { sharedSubnets: config.sharedSubnets }),
    self: selfNextHops(config, connection.localIp),
    role: negotiated.external ? config.role : undefined,
    gracefulShutdown: config.gracefulShutdown,
    longLived: findCapability(negotiated.capabilities, 'longLivedRestart') !== undefined,
    policy: config.exportPolicy,
    wire: negotiated.send,
  };
}

/** Our addresses as next hop: the configured ones first, else the session's own; on a link both (RFC 2545 §3). */
function selfNextHops(config: FullPeerConfig, localIp: Ip | undefined): ExportTreatment['self'] {
  const { ipv4, ipv6 } = config.nextHopSelf;
  const own4 = ipv4 ?? (localIp?.family === 4 ? localIp : undefined);
  const own6 = ipv6 ?? (localIp?.family === 6 ? localIp : undefined);
  const linkLocal = localIp?.family === 6 && isLinkLocal(localIp) ? localIp : undefined;
  return {
    ...(own4 !== undefined && { 4: { ip: own4 } }),
    ...(own6 !== undefined && { 6: { ip: own6, ...(linkLocal !== undefined && { linkLocal }) } }),
  };
}

/** The peer as a source of routes. */
export function ribPeerOf(slot: number, config: FullPeerConfig, negotiated: Negotiated): RibPeer {
  return {
    slot,
    id: config.id,
    kind: negotiated.external ? 'ebgp' : 'ibgp',
    client: config.routeReflectorClient && !negotiated.external,
    ...(config.behindUs && { behindUs: true }),
    routerId: negotiated.remoteId,
    address: config.remoteIp,
  };
}
