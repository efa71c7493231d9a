import type { Rib } from '../rib/rib.ts';
import type { Negotiated } from '../session/negotiation.ts';
import type { EndReason, StateName } from '../session/session-state.ts';
import { codesOf, type GracefulRestart } from '../wire/capability.ts';
import { ERROR_CODES } from '../wire/error-code.ts';
import { type NotificationMessage, notification } from '../wire/notification.ts';
import { ALL_FAMILIES, type RouteFamily } from '../wire/route-family.ts';
import type { Peer } from './peer.ts';

/** Seconds that a peer which is back may take to send its End-of-RIB before its stale routes go. */
export const STALE_TIME = 360;
/** Default seconds that a restarted speaker waits for its peers before it decides (RFC 4724 §4.1). */
export const DEFERRAL_TIME = 60;
/** Default seconds of these in which a peer must have answered at all: who is dead is not waited for. */
export const REACH_TIME = 15;

const ANSWERS: ReadonlySet<StateName> = new Set(['OpenConfirm']);
const HARD_RESET = 9;
/** Ceases that mean “for good”: they must not start a graceful restart (RFC 8538 §3.1). */
const FOR_GOOD: ReadonlySet<number> = new Set([1, 2, 3]);

/** Whether a peer's routes are kept when its session ends like this (RFC 4724 §4.2, RFC 8538 §4). */
export function keepsRoutes(reason: EndReason, negotiated: Negotiated): boolean {
  const theirs = negotiated.gracefulRestart;
  if (theirs === undefined) return false;
  switch (reason.cause) {
    case 'closed-by-peer':
    case 'silent':
    case 'replaced':
      return true;
    case 'hold-timer':
    case 'protocol-error':
      return theirs.notification;
    case 'notification-received':
      return theirs.notification && !isHardReset(reason.notification);
    case 'send-hold-timer':
    case 'stopped':
    case 'collision':
      return false;
    default:
      return reason.cause satisfies never;
  }
}

function isHardReset(message: NotificationMessage | undefined): boolean {
  return message?.code === ERROR_CODES.cease.code && message.subcode === HARD_RESET;
}

/** The farewell as it must be said to a peer that would otherwise keep our routes (RFC 8538 §3). */
export function asHardReset(
  message: NotificationMessage,
  negotiated: Negotiated | undefined,
): NotificationMessage {
  const agreed = negotiated?.gracefulRestart?.notification ?? false;
  if (!agreed || message.code !== ERROR_CODES.cease.code || !FOR_GOOD.has(message.subcode)) return message;
  const data = Uint8Array.of(message.code, message.subcode, ...message.data);
  return notification(ERROR_CODES.cease.code, HARD_RESET, data);
}

/** Keeps the routes of a peer that went away, as stale; gives the seconds that it may stay away. */
export function keepStale(peer: Peer, rib: Rib, negotiated: Negotiated, theirs: GracefulRestart): number {
  for (const family of ALL_FAMILIES) {
    const table = rib.families[family];
    // RFC 4724 §4.2: what was stale already is not kept a second time. What is a last resort already has its own end.
    table.removeAll(peer.slot, 'recent');
    peer.stale.delete(family);
    const kept = offers(theirs, family) !== undefined || longLivedTime(negotiated, family) > 0;
    if (!kept) table.removeAll(peer.slot);
    else if (table.markStale(peer.slot) > 0) peer.stale.add(family);
  }
  return theirs.restartTime;
}

/** Seconds that stale routes of a family are a last resort; 0 when they must go (RFC 9494 §4.2). */
export function longLivedTime(negotiated: Negotiated, family: RouteFamily): number {
  const { afi, safi } = codesOf(family);
  return negotiated.longLived.find(f => f.afi === afi && f.safi === safi)?.staleTime ?? 0;
}

/** The peer is back: stale routes of families whose forwarding it lost go at once (RFC 4724 §4.2). */
export function reviewStale(peer: Peer, rib: Rib, negotiated: Negotiated): void {
  for (const family of [...peer.stale]) {
    const { afi, safi } = codesOf(family);
    const forwarding = peer.longStale.has(family)
      ? negotiated.longLived.some(f => f.afi === afi && f.safi === safi && f.forwarding)
      : (offers(negotiated.gracefulRestart, family)?.forwarding ?? false);
    if (!forwarding || !negotiated.families[family]) dropStale(peer, rib, family);
  }
}

/** Removes what a peer did not confirm. */
export function dropStale(peer: Peer, rib: Rib, family: RouteFamily): void {
  peer.longStale.delete(family);
  if (peer.stale.delete(family)) rib.families[family].removeAll(peer.slot, 'stale');
}

/** Whether a restarted speaker must wait for this peer before it decides a family (RFC 4724 §4.1); `late`: it had time to answer. */
export function mustWaitFor(peer: Peer, family: RouteFamily, late: boolean): boolean {
  if (!peer.config.enabled || !peer.config.families.includes(family)) return false;
  const { live } = peer;
  if (live === undefined) return ANSWERS.has(peer.sessions.leading.state.name) || !(late || peer.refused);
  const theirs = live.negotiated.gracefulRestart;
  // A peer that never agreed, or restarts itself, would be waited for in vain.
  if (theirs === undefined || theirs.restarting || !live.negotiated.families[family]) return false;
  return !live.endOfRib.has(family);
}

function offers(
  theirs: GracefulRestart | undefined,
  family: RouteFamily,
): { readonly forwarding: boolean } | undefined {
  const { afi, safi } = codesOf(family);
  return theirs?.families.find(f => f.afi === afi && f.safi === safi);
}
