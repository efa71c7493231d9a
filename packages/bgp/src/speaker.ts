import { formatIp, type Ip, type Ip4, type Prefix } from '@muslin/net';
import { applyBacklog, HIGH_BACKLOG } from './speaker/backlog.ts';
import { bestOutput } from './speaker/best-output.ts';
import {
  asHardReset,
  DEFERRAL_TIME,
  dropStale,
  keepStale,
  keepsRoutes,
  mustWaitFor,
  reviewStale,
  STALE_TIME,
} from './speaker/graceful-restart.ts';
import type { ConnectionId, Input } from './speaker/input.ts';
import type { Output } from './speaker/output.ts';
import { type OwnRoute, ownAttributes } from './speaker/own-route.ts';
import {
  exportTreatmentOf,
  importTreatmentOf,
  noMessages,
  type Peer,
  ribPeerOf,
  type SpeakerSettings,
  sessionConfigOf,
} from './speaker/peer.ts';
import {
  changedFields,
  needsReset,
  type PeerConfig,
  type PeerId,
  withDefaults,
} from './speaker/peer-config.ts';
import { type Connection, PeerSessions, type Session, type SessionHost } from './speaker/peer-sessions.ts';
import type { PeerView } from './speaker/peer-view.ts';
import type { Explanation, RouteView } from './speaker/route-view.ts';
import { TimerBook } from './speaker/timer-book.ts';
import { advertisedRoutes, bestRoutes, explainPrefix, receivedRoutes, viewPeer } from './speaker/views.ts';
import { Rib } from './rib/rib.ts';
import type { SendBytes } from './rib/update-group.ts';
import type { Negotiated } from './session/negotiation.ts';
import { type EndReason, SESSION_TIMERS, type SessionTimer } from './session/session-state.ts';
import { encodeMessage } from './wire/message.ts';
import { cease, type NotificationMessage } from './wire/notification.ts';
import { PLAIN_OPTIONS } from './wire/options.ts';
import { ALL_FAMILIES, type RouteFamily, familyOfCodes } from './wire/route-family.ts';
import type { RouteRefreshMessage } from './wire/route-refresh.ts';
import { endOfRib, type UpdateMessage } from './wire/update.ts';

/** Settings of a speaker. */
export interface SpeakerOptions {
  readonly asNumber: number;
  readonly routerId: Ip4;
  /** Of this route reflector (RFC 4456 §7); default is the router ID. */
  readonly clusterId?: Ip4;
  /** Told to peers for display. */
  readonly hostName?: string;
  /** Most ways to one prefix at a time (ECMP). Default 16; 1 turns it off. */
  readonly maxPaths?: number;
  /** RFC 8326 §4; default true. */
  readonly honourGracefulShutdown?: boolean;
  /**
   * This program restarted and the kernel kept forwarding (RFC 4724 §4.1): peers are told so, and nothing is decided
   * or sent for a family before the peers have sent what they have; then `converged` comes.
   */
  readonly restarting?: boolean;
  /** Seconds to wait for the peers at most when `restarting`. Default 60. */
  readonly deferralTime?: number;
  /** Spreads timers; speakers in one cluster should differ. The same seed and inputs give the same outputs. */
  readonly seed?: number;
  /** What the clock of `handle` shows now, in milliseconds. Default 0. */
  readonly now?: number;
}

/** Prefixes handed to one peer before its backlog is looked at again. */
const DRAIN_STEP = 4096;
const DEFERRAL_TIMER = 'speaker/deferral';

/**
 * A BGP-4 speaker without I/O: inputs in, outputs out. Owns the peers and the routing tables.
 * All outputs of a call must be performed in order, then backlogs reported.
 */
export class Speaker {
  #settings: SpeakerSettings;
  readonly #rib: Rib;
  readonly #peers = new Map<PeerId, Peer>();
  readonly #bySlot = new Map<number, Peer>();
  readonly #owner = new Map<ConnectionId, Peer>();
  readonly #timers = new TimerBook(output => this.#outputs.push(output));
  #outputs: Output[] = [];
  #now: number;
  #seed: number;
  #dials = 0;
  /** Families that wait for the peers after a restart. */
  readonly #deferred = new Set<RouteFamily>();
  readonly #deferralTime: number;
  readonly #converged = new Set<RouteFamily>();
  readonly #endings: RouteFamily[] = [];

  readonly #send: SendBytes = (slot, bytes) => {
    const peer = this.#bySlot.get(slot);
    if (peer?.live === undefined) return;
    this.#outputs.push({ kind: 'send', connection: peer.live.connection.id, bytes });
    peer.unsent += bytes.length;
  };

  constructor(options: SpeakerOptions) {
    this.#now = options.now ?? 0;
    this.#deferralTime = options.deferralTime ?? DEFERRAL_TIME;
    if (options.restarting) for (const family of ALL_FAMILIES) this.#deferred.add(family);
    this.#settings = {
      asNumber: options.asNumber,
      routerId: options.routerId,
      clusterId: options.clusterId ?? options.routerId,
      hostName: options.hostName,
      honourGracefulShutdown: options.honourGracefulShutdown ?? true,
      restarting: options.restarting ?? false,
    };
    this.#seed = (options.seed ?? options.routerId.bits) >>> 0;
    this.#rib = new Rib(options.routerId, options.maxPaths ?? 16);
  }

  /** Adds a peer, or changes it: only what differs is touched, and a changed filter costs no session. */
  setPeer(given: PeerConfig, now = this.#now): Output[] {
    this.#now = Math.max(this.#now, now);
    const config = withDefaults(given);
    const peer = this.#peers.get(config.id);
    if (peer === undefined) {
      this.#addPeer(config);
      return this.#finish();
    }
    const changes = changedFields(peer.config, config);
    const before = peer.config;
    peer.config = config;
    this.#configure(peer);
    if (!config.enabled) {
      if (before.enabled) this.#stop(peer, cease(2, config.shutdownText), shutDownWords(config.shutdownText));
    } else if (!before.enabled) peer.sessions.start();
    else if (needsReset(changes)) {
      this.#stop(peer, cease(6), 'the configuration changed', 0);
    } else if (changes.length > 0) this.#retreat(peer);
    return this.#finish();
  }

  /** Ends the session and forgets the peer. */
  removePeer(id: PeerId, reason?: string, now = this.#now): Output[] {
    this.#now = Math.max(this.#now, now);
    const peer = this.#peers.get(id);
    if (peer === undefined) return [];
    this.#stop(peer, cease(3), reason ?? 'the peer was removed from the configuration');
    for (const name of ['first', 'second'] as const) {
      for (const timer of SESSION_TIMERS) this.#timers.clear(timerId(id, name, timer));
    }
    this.#timers.clear(timerId(id, 'peer', 'stale'));
    this.#dropRoutes(peer);
    this.#peers.delete(id);
    const outputs = this.#finish();
    this.#bySlot.delete(peer.slot);
    this.#rib.peers.free(peer.slot);
    return outputs;
  }

  /**
   * Ends all sessions. With `graceful` they are closed without a word, so that peers that agreed on graceful restart
   * keep our routes until we are back (RFC 4724 §4.1); else each peer is told `text` (RFC 9003).
   */
  shutDown(options: { readonly graceful?: boolean; readonly text?: string } = {}): Output[] {
    for (const peer of this.#peers.values()) {
      const silent = options.graceful && peer.live?.negotiated.gracefulRestart !== undefined;
      this.#stop(peer, silent ? undefined : cease(2, options.text), shutDownWords(options.text));
    }
    return this.#finish();
  }

  /** Tells the speaker what happened. `now` in milliseconds; it never goes back. */
  handle(input: Input, now: number): Output[] {
    this.#now = Math.max(this.#now, now);
    switch (input.kind) {
      case 'connected':
        this.#owner.get(input.connection)?.sessions.connected(input.connection, input.localIp);
        break;
      case 'accepted':
        this.#accept(input);
        break;
      case 'connectFailed':
        this.#closed(input.connection, input.message);
        break;
      case 'closed':
        this.#closed(input.connection, input.message ?? 'the peer closed the connection');
        break;
      case 'bytes':
        this.#owner.get(input.connection)?.sessions.received(input.connection, input.bytes);
        break;
      case 'timer':
        this.#timer(input.id);
        break;
      case 'backlog':
        this.#backlog(input.connection, input.bytes);
        break;
      case 'peerDown': {
        const peer = this.#peers.get(input.peer);
        if (peer !== undefined) this.#stop(peer, cease(10), input.message, 1);
        break;
      }
      default:
        input satisfies never;
    }
    return this.#finish();
  }

  /** Adds or replaces a route of our own. */
  originate(prefix: Prefix, route: OwnRoute = {}): Output[] {
    this.#rib.originate(prefix, ownAttributes(route));
    return this.#finish();
  }

  /** Removes a route of our own. */
  withdraw(prefix: Prefix): Output[] {
    this.#rib.withdrawOwn(prefix);
    return this.#finish();
  }

  /** Asks a peer to send its routes again (RFC 2918); nothing happens when it can't. */
  requestRefresh(id: PeerId, family: RouteFamily): Output[] {
    const live = this.#peers.get(id)?.live;
    if (live?.negotiated.routeRefresh && live.negotiated.families[family]) {
      const { afi, safi } = family === 'ipv4-unicast' ? { afi: 1, safi: 1 } : { afi: 2, safi: 1 };
      const bytes = encodeMessage({ kind: 'route-refresh', afi, safi, subtype: 0 }, PLAIN_OPTIONS);
      this.#outputs.push({ kind: 'send', connection: live.connection.id, bytes });
    }
    return this.#finish();
  }

  /** The peer that may call from this address. */
  peerAt(remoteIp: Ip, iface?: string): PeerId | undefined {
    return this.#peerAt(remoteIp, iface)?.config.id;
  }

  /** What is going on with each peer. */
  peers(): readonly PeerView[] {
    return [...this.#peers.values()].map(peer => viewPeer(peer, this.#rib));
  }

  /** The best route of each prefix. */
  routes(family: RouteFamily): readonly RouteView[] {
    return bestRoutes(this.#rib, family);
  }

  /** What a peer sent, before import policy. */
  received(id: PeerId): readonly RouteView[] {
    const peer = this.#peers.get(id);
    return peer === undefined ? [] : receivedRoutes(this.#rib, peer.slot);
  }

  /** What a peer is, or is about to be, sent. */
  advertised(id: PeerId): readonly RouteView[] {
    const peer = this.#peers.get(id);
    return peer === undefined ? [] : advertisedRoutes(this.#rib, peer.slot);
  }

  /** The winner for a prefix and why each other path lost. */
  explain(prefix: Prefix): Explanation {
    return explainPrefix(this.#rib, prefix, [...this.#peers.values()]);
  }

  #addPeer(config: ReturnType<typeof withDefaults>): void {
    const slot = this.#rib.peers.reserve();
    const peer: Peer = {
      slot,
      config,
      sessions: new PeerSessions(
        sessionConfigOf(config, this.#settings, this.#settings.restarting),
        this.#hostOf(config.id),
      ),
      live: undefined,
      state: 'Idle',
      since: this.#now,
      lastError: undefined,
      connectError: undefined,
      established: 0,
      messagesIn: noMessages(),
      messagesOut: noMessages(),
      faults: { withdraw: 0, discard: 0, last: undefined },
      unsent: 0,
      stale: new Set(),
    };
    this.#peers.set(config.id, peer);
    this.#bySlot.set(slot, peer);
    if (config.enabled) peer.sessions.start();
    else peer.lastError = shutDownWords(config.shutdownText);
  }

  #hostOf(id: PeerId): SessionHost {
    const peer = (): Peer => this.#peers.get(id) as Peer;
    return {
      jitter: () => this.#random(),
      dial: () => {
        const { config } = peer();
        const connection = `out-${++this.#dials}`;
        const port = config.transport.port ?? 179;
        this.#owner.set(connection, peer());
        const { remoteIp, transport } = config;
        this.#outputs.push({ kind: 'dial', peer: id, connection, remoteIp, port, transport });
        return connection;
      },
      transmit: (connection, bytes) => this.#outputs.push({ kind: 'send', connection, bytes }),
      hangUp: connection => {
        this.#owner.delete(connection);
        this.#outputs.push({ kind: 'close', connection });
      },
      setTimer: (session, timer, seconds) => {
        this.#timers.set(timerId(id, session, timer), Math.ceil(this.#now + seconds * 1000));
      },
      clearTimer: (session, timer) => this.#timers.clear(timerId(id, session, timer)),
      established: (negotiated, connection) => this.#established(peer(), negotiated, connection),
      deliver: message => this.#deliver(peer(), message),
      ended: (reason, established) => this.#ended(peer(), reason, established),
      counted: (direction, message) => {
        const counts = direction === 'in' ? peer().messagesIn : peer().messagesOut;
        counts[message.kind]++;
      },
    };
  }

  /** A small generator (mulberry32): spread, not secrecy. */
  #random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), this.#seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  #peerAt(remoteIp: Ip, iface: string | undefined): Peer | undefined {
    const text = formatIp(remoteIp);
    for (const peer of this.#peers.values()) {
      const wanted = peer.config.transport.interface;
      if (formatIp(peer.config.remoteIp) !== text) continue;
      if (wanted === undefined || iface === undefined || wanted === iface) return peer;
    }
    return undefined;
  }

  #accept(input: Extract<Input, { readonly kind: 'accepted' }>): void {
    const peer = this.#peerAt(input.remoteIp, input.interface);
    if (peer?.config.enabled) {
      this.#owner.set(input.connection, peer);
      peer.sessions.accepted(input.connection, input.localIp);
      return;
    }
    const bytes = encodeMessage(cease(5), PLAIN_OPTIONS);
    this.#outputs.push({ kind: 'send', connection: input.connection, bytes });
    this.#outputs.push({ kind: 'close', connection: input.connection });
  }

  #closed(connection: ConnectionId, message: string): void {
    const peer = this.#owner.get(connection);
    if (peer === undefined) return;
    this.#owner.delete(connection);
    peer.connectError = message;
    peer.sessions.closed(connection, message);
  }

  #timer(id: string): void {
    if (!this.#timers.fired(id, this.#now)) return;
    if (id === DEFERRAL_TIMER) {
      this.#deferred.clear();
      return;
    }
    const [session, timer, ...rest] = id.split('/');
    const peer = this.#peers.get(rest.join('/'));
    if (peer === undefined) return;
    if (session === 'peer') for (const family of ALL_FAMILIES) dropStale(peer, this.#rib, family);
    else peer.sessions.timerFired(session as Session['name'], timer as SessionTimer);
  }

  #stop(peer: Peer, farewell: NotificationMessage | undefined, message: string, restartAfter?: number): void {
    peer.lastError = message;
    const said = farewell === undefined ? undefined : asHardReset(farewell, peer.live?.negotiated);
    peer.sessions.stop({
      kind: 'stop',
      message,
      ...(said !== undefined && { notification: said }),
      ...(restartAfter !== undefined && { restartAfter }),
    });
    if (said !== undefined) this.#dropRoutes(peer);
  }

  #established(peer: Peer, negotiated: Negotiated, connection: Connection): void {
    this.#rib.peers.set(ribPeerOf(peer.slot, peer.config, negotiated));
    peer.established++;
    peer.connectError = undefined;
    peer.unsent = 0;
    reviewStale(peer, this.#rib, negotiated);
    const stale = timerId(peer.config.id, 'peer', 'stale');
    this.#timers.clear(stale);
    if (peer.stale.size > 0) this.#timers.set(stale, this.#now + STALE_TIME * 1000);
    this.#configure(peer);
    const importTreatment = importTreatmentOf(peer.config, this.#settings, negotiated, connection);
    peer.live = { negotiated, connection, importTreatment, endOfRib: new Set() };
    const treatment = exportTreatmentOf(peer.config, this.#settings, negotiated, connection);
    for (const family of ALL_FAMILIES) {
      if (negotiated.families[family]) this.#rib.join(family, peer.slot, treatment);
    }
  }

  #deliver(peer: Peer, message: UpdateMessage | RouteRefreshMessage): void {
    const { live } = peer;
    if (live === undefined) return;
    if (message.kind === 'route-refresh') {
      this.#refresh(peer, live.negotiated, message);
      return;
    }
    for (const fault of message.faults) {
      peer.faults[fault.severity]++;
      peer.faults.last = `${fault.message} (${fault.rfc})`;
    }
    const complete = endOfRib(message);
    if (complete !== undefined) {
      live.endOfRib.add(complete);
      dropStale(peer, this.#rib, complete);
    } else this.#rib.receive(peer.slot, message, live.importTreatment);
    this.#checkLimits(peer);
  }

  /** RFC 2918 §4, RFC 7313 §4: the peer asks for our routes, or brackets its own. */
  #refresh(peer: Peer, negotiated: Negotiated, message: RouteRefreshMessage): void {
    const family = familyOfCodes(message.afi, message.safi);
    if (family === undefined || !negotiated.families[family]) return;
    if (message.subtype === 0) {
      const { enhancedRefresh } = negotiated;
      this.#rib.group(family, peer.slot)?.refresh(peer.slot, enhancedRefresh ? this.#send : undefined);
    } else if (message.subtype === 1 && negotiated.enhancedRefresh) {
      if (this.#rib.families[family].markStale(peer.slot) === 0) return;
      peer.stale.add(family);
      this.#timers.set(timerId(peer.config.id, 'peer', 'stale'), this.#now + STALE_TIME * 1000);
    } else if (message.subtype === 2) dropStale(peer, this.#rib, family);
  }

  #checkLimits(peer: Peer): void {
    for (const family of ALL_FAMILIES) {
      const limit = peer.config.prefixLimit[family];
      if (limit === undefined) continue;
      const count = this.#rib.families[family].receivedCount(peer.slot);
      if (count <= limit.most) continue;
      const words = `the peer sent ${count} ${family} routes, ${limit.most} are allowed`;
      peer.faults.last = words;
      if (limit.warnOnly) continue;
      this.#stop(peer, cease(1), words, limit.restartAfter);
      return;
    }
  }

  #ended(peer: Peer, reason: EndReason, established: boolean): void {
    peer.lastError = reason.message;
    peer.connectError = undefined;
    if (!established) return;
    for (const family of ALL_FAMILIES) this.#rib.leave(family, peer.slot);
    const negotiated = peer.live?.negotiated;
    peer.live = undefined;
    if (negotiated?.gracefulRestart === undefined || !keepsRoutes(reason, negotiated)) {
      this.#dropRoutes(peer);
      return;
    }
    const seconds = keepStale(peer, this.#rib, negotiated.gracefulRestart);
    if (peer.stale.size === 0) return;
    this.#timers.set(timerId(peer.config.id, 'peer', 'stale'), this.#now + seconds * 1000);
  }

  #dropRoutes(peer: Peer): void {
    for (const family of ALL_FAMILIES) this.#rib.families[family].removeAll(peer.slot);
    peer.stale.clear();
  }

  /** What sessions from now on are made of. */
  #configure(peer: Peer): void {
    const forwarding = this.#settings.restarting || peer.established > 0;
    peer.sessions.config = sessionConfigOf(peer.config, this.#settings, forwarding);
  }

  /** After a restart: whether the peers have told enough to decide (RFC 4724 §4.1). */
  #reviewDeferral(): void {
    if (!this.#settings.restarting) return;
    const peers = [...this.#peers.values()];
    for (const family of [...this.#deferred]) {
      if (peers.length > 0 && !peers.some(peer => mustWaitFor(peer, family))) this.#deferred.delete(family);
    }
    for (const family of ALL_FAMILIES) {
      if (this.#deferred.has(family) || this.#converged.has(family)) continue;
      this.#converged.add(family);
      this.#endings.push(family);
    }
    if (this.#deferred.size > 0) {
      if (!this.#timers.has(DEFERRAL_TIMER))
        this.#timers.set(DEFERRAL_TIMER, this.#now + this.#deferralTime * 1000);
      return;
    }
    this.#timers.clear(DEFERRAL_TIMER);
    this.#settings = { ...this.#settings, restarting: false };
    for (const peer of peers) this.#configure(peer);
  }

  /** Applies a changed configuration to a running session. */
  #retreat(peer: Peer): void {
    const { live, config } = peer;
    if (live === undefined) return;
    const { negotiated, connection } = live;
    this.#rib.peers.set(ribPeerOf(peer.slot, config, negotiated));
    const importTreatment = importTreatmentOf(config, this.#settings, negotiated, connection);
    peer.live = { ...live, importTreatment };
    this.#rib.reimport(peer.slot, importTreatment);
    const treatment = exportTreatmentOf(config, this.#settings, negotiated, connection);
    for (const family of ALL_FAMILIES) {
      if (negotiated.families[family]) this.#rib.join(family, peer.slot, treatment);
    }
    this.#checkLimits(peer);
  }

  #backlog(connection: ConnectionId, bytes: number): void {
    const peer = this.#owner.get(connection);
    if (peer?.live?.connection.id !== connection) return;
    const timer = timerId(peer.config.id, sessionName(peer), 'sendHold');
    applyBacklog(peer, bytes, this.#now, this.#timers, timer);
    this.#pause(peer);
  }

  #pause(peer: Peer): void {
    for (const family of ALL_FAMILIES) {
      const member = this.#rib.group(family, peer.slot)?.member(peer.slot);
      if (member !== undefined) member.paused = peer.unsent >= HIGH_BACKLOG;
    }
  }

  /** Lets everything that this call changed take effect, and hands the outputs out. */
  #finish(): Output[] {
    this.#reviewDeferral();
    const ready = ALL_FAMILIES.filter(family => !this.#deferred.has(family));
    this.#rib.flush(ready, this.#send, best => {
      this.#outputs.push(bestOutput(this.#rib, best));
    });
    for (const family of this.#endings.splice(0)) this.#outputs.push({ kind: 'converged', family });
    for (const peer of this.#peers.values()) {
      if (peer.live !== undefined) this.#drain(peer, ready);
      this.#noteState(peer);
    }
    this.#rib.sweep();
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  #drain(peer: Peer, ready: readonly RouteFamily[]): void {
    for (const family of ready) {
      const group = this.#rib.group(family, peer.slot);
      const member = group?.member(peer.slot);
      if (group === undefined || member === undefined || member.inStep) continue;
      while (peer.unsent < HIGH_BACKLOG && !group.drain(peer.slot, DRAIN_STEP, this.#send)) {}
    }
    this.#pause(peer);
  }

  #noteState(peer: Peer): void {
    const state = peer.sessions.leading.state.name;
    if (state === peer.state) return;
    const fell = state === 'Idle' || state === 'Active';
    peer.state = state;
    peer.since = this.#now;
    const error = peer.connectError ?? peer.lastError;
    const reason = fell && error !== undefined ? { reason: error } : {};
    this.#outputs.push({ kind: 'peerChanged', peer: peer.config.id, state, ...reason });
  }
}

function sessionName(peer: Peer): Session['name'] {
  return peer.sessions.established?.name ?? 'first';
}

/** `session/timer/peer`: the peer's name comes last because it may hold anything. */
function timerId(peer: PeerId, session: Session['name'] | 'peer', timer: string): string {
  return `${session}/${timer}/${peer}`;
}

function shutDownWords(text: string | undefined): string {
  return `shut down by the operator${text === undefined ? '' : `: ${text}`}`;
}
