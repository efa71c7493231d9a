import type { Rib } from '../rib/rib.ts';
import type { SendBytes } from '../rib/out-group.ts';
import type { Negotiated } from '../session/negotiation.ts';
import type { EndReason } from '../session/session-state.ts';
import { ALL_FAMILIES, familyOfCodes, type RouteFamily } from '../wire/route-family.ts';
import type { RouteRefreshMessage } from '../wire/route-refresh.ts';
import type { PlainUpdate } from '../wire/plain-update.ts';
import { endOfRib, type UpdateMessage } from '../wire/update.ts';
import {
  dropStale,
  keepStale,
  keepsRoutes,
  longLivedTime,
  reviewStale,
  STALE_TIME,
} from './graceful-restart.ts';
import { exportTreatmentOf, importTreatmentOf, type Peer, ribPeerOf, type SpeakerSettings } from './peer.ts';
import { NO_LIMITS } from './peer-config.ts';
import type { Connection } from './peer-sessions.ts';
import type { TimerBook } from './timer-book.ts';
import { timerId } from './timer-id.ts';

/** Unsent octets of one peer beyond which no more UPDATEs are made for it. */
const HIGH_BACKLOG = 1 << 20;
/** Prefixes handed to one peer before its backlog is looked at again. */
const DRAIN_STEP = 4096;

/** A peer that broke its prefix limit. */
export interface LimitBroken {
  readonly message: string;
  readonly restartAfter: number | undefined;
}

/** What happens between an established session and the routing tables. */
export class RouteExchange {
  readonly #rib: Rib;
  readonly #timers: TimerBook;
  readonly #send: SendBytes;
  /** Peers that have not got everything yet. */
  readonly #behind = new Set<Peer>();

  constructor(rib: Rib, timers: TimerBook, send: SendBytes) {
    this.#rib = rib;
    this.#timers = timers;
    this.#send = send;
  }

  established(
    peer: Peer,
    negotiated: Negotiated,
    connection: Connection,
    settings: SpeakerSettings,
    now: number,
  ): void {
    peer.established++;
    peer.connectError = undefined;
    peer.unsent = 0;
    peer.live = {
      negotiated,
      connection,
      importTreatment: importTreatmentOf(peer.config, settings, negotiated, connection),
      endOfRib: new Set(),
    };
    reviewStale(peer, this.#rib, negotiated);
    const stale = timerId(peer.config.id, 'peer', 'stale');
    this.#timers.clear(stale);
    if (peer.stale.size > 0) this.#timers.set(stale, now + STALE_TIME * 1000);
    this.#join(peer, settings);
  }

  ended(peer: Peer, reason: EndReason, now: number): void {
    for (const family of ALL_FAMILIES) this.#rib.leave(family, peer.slot);
    this.#behind.delete(peer);
    const negotiated = peer.live?.negotiated;
    peer.live = undefined;
    if (negotiated?.gracefulRestart === undefined || !keepsRoutes(reason, negotiated)) {
      this.dropRoutes(peer);
      return;
    }
    const seconds = keepStale(peer, this.#rib, negotiated, negotiated.gracefulRestart);
    peer.lastSession = negotiated;
    if (peer.stale.size === 0) return;
    if (seconds === 0) this.staleTimeout(peer, now);
    else this.#timers.set(timerId(peer.config.id, 'peer', 'stale'), now + seconds * 1000);
  }

  /** Takes a message in; the result tells when the peer sent more than it may. */
  deliver(peer: Peer, message: UpdateMessage | RouteRefreshMessage, now: number): LimitBroken | undefined {
    const { live } = peer;
    if (live === undefined) return undefined;
    if (message.kind === 'route-refresh') {
      this.#refresh(peer, live.negotiated, message, now);
      return undefined;
    }
    for (const fault of message.faults) {
      peer.faults[fault.severity]++;
      peer.faults.last = `${fault.message} (${fault.rfc})`;
    }
    const complete = endOfRib(message);
    if (complete === undefined) {
      this.#rib.receive(peer.slot, message, live.importTreatment);
      for (const block of [message.announced, message.mpReach?.nlri]) {
        if (block !== undefined && block.bytes.length > 0) this.#noteFull(peer, block.family);
      }
    } else {
      live.endOfRib.add(complete);
      dropStale(peer, this.#rib, complete);
    }
    return this.brokenLimit(peer);
  }

  /** The same for an UPDATE that needs no thought. */
  deliverPlain(peer: Peer, update: PlainUpdate): LimitBroken | undefined {
    const { live } = peer;
    if (live === undefined) return undefined;
    this.#rib.receivePlain(peer.slot, update, live.importTreatment);
    if (update.routesEnd === update.routesStart || peer.config.prefixLimit === NO_LIMITS) return undefined;
    this.#noteFull(peer, update.family);
    return this.brokenLimit(peer);
  }

  /** Applies a changed configuration to a running session. */
  retreat(peer: Peer, settings: SpeakerSettings): void {
    const { live, config } = peer;
    if (live === undefined) return;
    const importTreatment = importTreatmentOf(config, settings, live.negotiated, live.connection);
    peer.live = { ...live, importTreatment };
    this.#rib.reimport(peer.slot, importTreatment);
    this.#join(peer, settings);
  }

  /** RFC 4271 §6.7: counts what was received, whether it is used or not. */
  brokenLimit(peer: Peer): LimitBroken | undefined {
    if (peer.config.prefixLimit === NO_LIMITS) return undefined;
    for (const family of ALL_FAMILIES) {
      const limit = peer.config.prefixLimit[family];
      if (limit === undefined) continue;
      const count = this.#rib.families[family].receivedCount(peer.slot);
      if (count <= limit.most) continue;
      const message = `the peer sent ${count} ${family} routes, ${limit.most} are allowed`;
      peer.faults.last = message;
      if (!limit.warnOnly && !limit.discard) return { message, restartAfter: limit.restartAfter };
    }
    return undefined;
  }

  /** Says that routes of a family may have been ignored, for a limit that discards. */
  #noteFull(peer: Peer, family: RouteFamily): void {
    const limit = peer.live?.importTreatment.mostReceived?.[family];
    if (limit === undefined || this.#rib.families[family].receivedCount(peer.slot) < limit) return;
    peer.faults.last = `the peer's ${family} routes fill the limit of ${limit}: what is beyond is ignored`;
  }

  dropRoutes(peer: Peer): void {
    for (const family of ALL_FAMILIES) this.#rib.families[family].removeAll(peer.slot);
    peer.stale.clear();
    peer.longStale.clear();
    for (const family of ALL_FAMILIES) this.#timers.clear(timerId(peer.config.id, 'peer', family));
  }

  /** Time is up for what the peer did not confirm: it goes, or is a last resort for as long as was agreed (RFC 9494 §4.2). */
  staleTimeout(peer: Peer, now: number): void {
    const away = peer.live === undefined ? peer.lastSession : undefined;
    for (const family of [...peer.stale]) {
      if (peer.longStale.has(family)) continue;
      const seconds = away === undefined ? 0 : longLivedTime(away, family);
      if (seconds === 0 || this.#rib.markLongLived(family, peer.slot) === 0) {
        dropStale(peer, this.#rib, family);
        continue;
      }
      peer.longStale.add(family);
      this.#timers.set(timerId(peer.config.id, 'peer', family), now + seconds * 1000);
    }
  }

  /** The last resort of a family has been kept long enough, whether the peer is back or not. */
  longLivedTimeout(peer: Peer, family: RouteFamily): void {
    dropStale(peer, this.#rib, family);
  }

  /** The shell tells what the kernel has not taken; `timer` watches a peer that reads nothing (RFC 9687 §3.2). */
  backlog(peer: Peer, bytes: number, timer: string, now: number): void {
    const shrank = bytes < peer.unsent;
    peer.unsent = bytes;
    const { sendHoldTime } = peer.config;
    if (bytes === 0 || sendHoldTime === 0) this.#timers.clear(timer);
    else if (shrank || !this.#timers.has(timer)) this.#timers.set(timer, now + sendHoldTime * 1000);
    if (bytes >= HIGH_BACKLOG) this.#behind.add(peer);
    this.#pause(peer);
  }

  /** Octets were handed out for a peer. */
  sent(peer: Peer, bytes: number): void {
    peer.unsent += bytes;
    if (peer.unsent >= HIGH_BACKLOG) this.#behind.add(peer);
  }

  /** Gives the peers that are behind as much as they take. */
  drain(families: readonly RouteFamily[]): void {
    if (this.#behind.size === 0) return;
    for (const peer of this.#behind) {
      let done = true;
      for (const family of ALL_FAMILIES) {
        const group = this.#rib.group(family, peer.slot);
        const member = group?.member(peer.slot);
        if (group === undefined || member === undefined) continue;
        if (families.includes(family)) {
          member.paused = false;
          while (!member.inStep && peer.unsent < HIGH_BACKLOG) group.drain(peer.slot, DRAIN_STEP, this.#send);
        }
        done &&= member.inStep;
      }
      this.#pause(peer);
      if (done && peer.unsent < HIGH_BACKLOG) this.#behind.delete(peer);
    }
  }

  #pause(peer: Peer): void {
    for (const family of ALL_FAMILIES) {
      const member = this.#rib.group(family, peer.slot)?.member(peer.slot);
      if (member !== undefined) member.paused = peer.unsent >= HIGH_BACKLOG;
    }
  }

  #join(peer: Peer, settings: SpeakerSettings): void {
    if (peer.live === undefined) return;
    const { negotiated, connection } = peer.live;
    this.#rib.setSource(ribPeerOf(peer.slot, peer.config, negotiated));
    const treatment = exportTreatmentOf(peer.config, settings, negotiated, connection);
    for (const family of ALL_FAMILIES) {
      if (negotiated.families[family]) this.#rib.join(family, peer.slot, treatment);
    }
    this.#behind.add(peer);
  }

  /** RFC 2918 §4, RFC 7313 §4: the peer asks for our routes, or brackets its own. */
  #refresh(peer: Peer, negotiated: Negotiated, message: RouteRefreshMessage, now: number): void {
    const family = familyOfCodes(message.afi, message.safi);
    if (family === undefined || !negotiated.families[family]) return;
    const { enhancedRefresh } = negotiated;
    if (message.subtype === 0) {
      this.#rib.group(family, peer.slot)?.refresh(peer.slot, enhancedRefresh ? this.#send : undefined);
      this.#behind.add(peer);
    } else if (message.subtype === 1 && enhancedRefresh) {
      if (this.#rib.families[family].markStale(peer.slot) === 0) return;
      peer.stale.add(family);
      this.#timers.set(timerId(peer.config.id, 'peer', 'stale'), now + STALE_TIME * 1000);
    } else if (message.subtype === 2) dropStale(peer, this.#rib, family);
  }
}
