import type { Ip, Ip4, Prefix } from '@muslin/net';
import type { SendBytes } from './rib/out-group.ts';
import { type BestPaths, Rib } from './rib/rib.ts';
import type { Negotiated } from './session/negotiation.ts';
import { type EndReason, SESSION_TIMERS, type SessionTimer } from './session/session-state.ts';
import { BestOutputs } from './speaker/best-output.ts';
import { asHardReset, DEFERRAL_TIME, REACH_TIME } from './speaker/graceful-restart.ts';
import type { ConnectionId, Input } from './speaker/input.ts';
import { Jitter } from './speaker/jitter.ts';
import type { Output } from './speaker/output.ts';
import { type OwnRoute, ownAttributes } from './speaker/own-route.ts';
import { newPeer, type Peer, type SpeakerSettings, sessionConfigOf } from './speaker/peer.ts';
import {
  changedFields,
  type FullPeerConfig,
  liftedLimits,
  needsReset,
  type PeerConfig,
  type PeerId,
  withDefaults,
} from './speaker/peer-config.ts';
import { type Connection, PeerSessions, type Session, type SessionHost } from './speaker/peer-sessions.ts';
import { PeerSet } from './speaker/peer-set.ts';
import type { PeerView } from './speaker/peer-view.ts';
import { RestartDeferral } from './speaker/restart-deferral.ts';
import { type LimitBroken, RouteExchange } from './speaker/route-exchange.ts';
import type { Explanation, RouteView } from './speaker/route-view.ts';
import type { RouteWindow } from './speaker/route-window.ts';
import { TimerBook } from './speaker/timer-book.ts';
import { DEFERRAL_TIMER, REACH_TIMER, sessionTimerIds, timerId, timerParts } from './speaker/timer-id.ts';
import { advertisedRoutes, bestRoutes, explainPrefix, receivedRoutes, viewPeer } from './speaker/views.ts';
import { codesOf } from './wire/capability.ts';
import { countMessages } from './wire/count-messages.ts';
import { encodeMessage } from './wire/message.ts';
import { cease, type NotificationMessage } from './wire/notification.ts';
import { PLAIN_OPTIONS } from './wire/options.ts';
import type { RouteFamily } from './wire/route-family.ts';

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
  /** Seconds of these after which peers that have not answered are not waited for. Default 15. */
  readonly reachTime?: number;
  /** Spreads timers; speakers in one cluster should differ. The same seed and inputs give the same outputs. */
  readonly seed?: number;
  /** What the clock of `handle` shows now, in milliseconds. Default 0. */
  readonly now?: number;
}

/**
 * A BGP-4 speaker without I/O: inputs in, outputs out. Owns the peers and the routing tables.
 * All outputs of a call must be performed in order, then backlogs reported.
 */
export class Speaker {
  #settings: SpeakerSettings;
  readonly #rib: Rib;
  readonly #peers = new PeerSet();
  readonly #timers = new TimerBook(output => this.#outputs.push(output));
  readonly #exchange: RouteExchange;
  readonly #bests: BestOutputs;
  readonly #jitter: Jitter;
  readonly #deferral: RestartDeferral;
  readonly #deferralTime: number;
  readonly #reachTime: number;
  /** Peers whose state may have changed in this call. */
  #touched: Peer[] = [];
  readonly #sendBytes: SendBytes = (slot, bytes) => this.#send(slot, bytes);
  readonly #tellBest = (best: BestPaths): void => {
    this.#outputs.push(this.#bests.output(best));
  };
  #outputs: Output[] = [];
  #now: number;
  #dials = 0;

  constructor(options: SpeakerOptions) {
    this.#now = options.now ?? 0;
    this.#settings = {
      asNumber: options.asNumber,
      routerId: options.routerId,
      clusterId: options.clusterId ?? options.routerId,
      hostName: options.hostName,
      honourGracefulShutdown: options.honourGracefulShutdown ?? true,
      restarting: options.restarting ?? false,
    };
    this.#jitter = new Jitter(options.seed ?? options.routerId.bits);
    this.#deferral = new RestartDeferral(this.#settings.restarting);
    this.#deferralTime = options.deferralTime ?? DEFERRAL_TIME;
    this.#reachTime = Math.min(options.reachTime ?? REACH_TIME, this.#deferralTime);
    this.#rib = new Rib(options.routerId, options.maxPaths ?? 16);
    this.#bests = new BestOutputs(this.#rib);
    this.#exchange = new RouteExchange(this.#rib, this.#timers, this.#sendBytes);
  }

  /** Adds a peer, or changes it: only what differs is touched, and a changed filter costs no session. */
  setPeer(given: PeerConfig, now = this.#now): Output[] {
    this.#now = Math.max(this.#now, now);
    const config = withDefaults(given);
    const peer = this.#peers.get(config.id);
    if (peer === undefined) this.#addPeer(config);
    else this.#changePeer(peer, config);
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
    this.#exchange.dropRoutes(peer);
    const outputs = this.#finish();
    this.#peers.remove(peer);
    this.#rib.peers.free(peer.slot);
    return outputs;
  }

  /**
   * Ends all sessions. With `graceful` they are closed without a word, so that peers that agreed on graceful restart
   * keep our routes until we are back (RFC 4724 §4.1); else each peer is told `text` (RFC 9003).
   */
  shutDown(options: { readonly graceful?: boolean; readonly text?: string } = {}): Output[] {
    for (const peer of this.#peers.all()) {
      const silent = options.graceful && peer.live?.negotiated.gracefulRestart !== undefined;
      this.#stop(peer, silent ? undefined : cease(2, options.text), shutDownWords(options.text));
    }
    return this.#finish();
  }

  /** Tells the speaker what happened. `now` in milliseconds; it never goes back. */
  handle(input: Input, now: number): Output[] {
    this.#now = Math.max(this.#now, now);
    this.#take(input);
    return this.#finish();
  }

  #take(input: Input): void {
    switch (input.kind) {
      case 'connected':
        this.#connected(input.connection, input.localIp);
        break;
      case 'accepted':
        this.#accept(input);
        break;
      case 'connectFailed':
        this.#owner(input.connection)?.history.failed(input.failure ?? 'not-tried', input.message, this.#now);
        this.#closed(input.connection, input.message);
        break;
      case 'closed':
        this.#closed(input.connection, input.message ?? 'the peer closed the connection');
        break;
      case 'bytes':
        this.#owner(input.connection)?.sessions.received(input.connection, input.bytes);
        break;
      case 'burst':
        for (const one of input.inputs) this.#take(one);
        break;
      case 'timer':
        this.#timer(input.id);
        break;
      case 'backlog':
        this.#backlog(input.connection, input.bytes);
        break;
      case 'nextHop': {
        const cost = input.cost === 'unreachable' ? Number.POSITIVE_INFINITY : input.cost;
        this.#rib.setNextHopCost(input.ip, cost);
        break;
      }
      case 'peerDown': {
        const peer = this.#peers.get(input.peer);
        // Away already: it restarts, and takes its BFD along (RFC 5882 §4.3.2.1).
        if (peer !== undefined && (peer.live !== undefined || peer.stale.size === 0))
          this.#stop(peer, cease(10), input.message, 1);
        break;
      }
      default:
        input satisfies never;
    }
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
    this.#askAgain(this.#peers.get(id), family);
    return this.#finish();
  }

  /** The peer that may call from this address. */
  peerAt(remoteIp: Ip, iface?: string): PeerId | undefined {
    return this.#peers.at(remoteIp, iface)?.config.id;
  }

  /** What is going on with each peer. */
  peers(): readonly PeerView[] {
    return [...this.#peers.all()].map(peer => viewPeer(peer, this.#rib));
  }

  /** What is going on with one peer. */
  peer(id: PeerId): PeerView | undefined {
    const peer = this.#peers.get(id);
    return peer === undefined ? undefined : viewPeer(peer, this.#rib);
  }

  /** The best route of each prefix, in address order: all, or a window of them. */
  routes(family: RouteFamily, window?: RouteWindow): readonly RouteView[] {
    return bestRoutes(this.#rib, family, window);
  }

  /** What a peer sent, before import policy. */
  received(id: PeerId, window?: RouteWindow): readonly RouteView[] {
    const peer = this.#peers.get(id);
    return peer === undefined ? [] : receivedRoutes(this.#rib, peer.slot, window);
  }

  /** What a peer is, or is about to be, sent. */
  advertised(id: PeerId, window?: RouteWindow): readonly RouteView[] {
    const peer = this.#peers.get(id);
    return peer === undefined ? [] : advertisedRoutes(this.#rib, peer.slot, window);
  }

  /** The winner for a prefix and why each other path lost. */
  explain(prefix: Prefix): Explanation {
    return explainPrefix(this.#rib, prefix, [...this.#peers.all()]);
  }

  #askAgain(peer: Peer | undefined, family: RouteFamily): void {
    const live = peer?.live;
    if (peer === undefined || live === undefined) return;
    if (!live.negotiated.routeRefresh || !live.negotiated.families[family]) return;
    const bytes = encodeMessage({ kind: 'route-refresh', ...codesOf(family), subtype: 0 }, PLAIN_OPTIONS);
    countMessages(bytes, peer.messagesOut);
    this.#outputs.push({ kind: 'send', connection: live.connection.id, bytes });
  }

  #addPeer(config: FullPeerConfig): void {
    const slot = this.#rib.peers.reserve();
    const sessions = new PeerSessions(
      sessionConfigOf(config, this.#settings, this.#settings.restarting),
      this.#hostOf(config.id),
    );
    const peer = newPeer(slot, config, sessions, this.#now);
    this.#peers.add(peer);
    this.#touch(peer);
    if (config.enabled) peer.sessions.start();
    else peer.lastError = shutDownWords(config.shutdownText);
  }

  #changePeer(peer: Peer, config: FullPeerConfig): void {
    const before = peer.config;
    const changes = changedFields(before, config);
    if (changes.length === 0) return;
    peer.config = config;
    this.#peers.moved(peer);
    this.#configure(peer);
    this.#touch(peer);
    if (!config.enabled) {
      if (before.enabled) this.#stop(peer, cease(2, config.shutdownText), shutDownWords(config.shutdownText));
    } else if (!before.enabled) peer.sessions.start();
    else if (needsReset(changes)) this.#stop(peer, cease(6), 'the configuration changed', 0);
    else if (peer.held && peer.live === undefined) {
      peer.held = false;
      peer.sessions.start();
    } else {
      this.#exchange.retreat(peer, this.#settings);
      this.#checkLimit(peer);
      for (const family of liftedLimits(before, config)) this.#askAgain(peer, family);
    }
  }

  /** What sessions from now on are made of. */
  #configure(peer: Peer): void {
    const forwarding = this.#settings.restarting || peer.established > 0;
    peer.sessions.config = sessionConfigOf(peer.config, this.#settings, forwarding);
  }

  #hostOf(id: PeerId): SessionHost {
    const peer = (): Peer => this.#peers.get(id) as Peer;
    return {
      jitter: () => this.#jitter.next(),
      dial: () => {
        const { remoteIp, transport } = peer().config;
        const connection = `out-${++this.#dials}`;
        this.#peers.own(connection, peer());
        peer().history.dialled(connection, this.#now);
        const port = transport.port ?? 179;
        this.#outputs.push({ kind: 'dial', peer: id, connection, remoteIp, port, transport });
        return connection;
      },
      transmit: (connection, bytes) => this.#outputs.push({ kind: 'send', connection, bytes }),
      hangUp: connection => {
        this.#peers.disown(connection);
        const silence = peer().history.hungUp(connection, this.#now);
        if (silence !== undefined) peer().connectError = silence;
        this.#outputs.push({ kind: 'close', connection });
      },
      timersOf: session => sessionTimerIds(id, session),
      setTimer: (timer, seconds) => this.#timers.set(timer, Math.ceil(this.#now + seconds * 1000)),
      clearTimer: timer => this.#timers.clear(timer),
      established: (negotiated, connection) => this.#established(peer(), negotiated, connection),
      deliver: message => {
        const broken = this.#exchange.deliver(peer(), message, this.#now);
        if (broken !== undefined) this.#hold(peer(), broken);
      },
      deliverPlain: update => {
        const to = peer();
        to.messagesIn.update++;
        const broken = this.#exchange.deliverPlain(to, update);
        if (broken !== undefined) this.#hold(to, broken);
      },
      ended: (reason, established) => this.#ended(peer(), reason, established),
      counted: (direction, message) => {
        const counts = direction === 'in' ? peer().messagesIn : peer().messagesOut;
        counts[message.kind]++;
      },
    };
  }

  #owner(connection: ConnectionId): Peer | undefined {
    const peer = this.#peers.ownerOf(connection);
    if (peer !== undefined) this.#touch(peer);
    return peer;
  }

  #accept(input: Extract<Input, { readonly kind: 'accepted' }>): void {
    const { connection } = input;
    const peer = this.#peers.at(input.remoteIp, input.interface);
    const idle = peer?.sessions.leading.state.name === 'Idle';
    if (peer?.config.enabled && !(peer.held && idle)) {
      this.#peers.own(connection, peer);
      this.#touch(peer);
      peer.history.accepted();
      peer.sessions.accepted(connection, input.localIp);
      return;
    }
    this.#outputs.push({ kind: 'send', connection, bytes: encodeMessage(cease(5), PLAIN_OPTIONS) });
    this.#outputs.push({ kind: 'close', connection });
  }

  #connected(connection: ConnectionId, localIp: Ip): void {
    const peer = this.#owner(connection);
    peer?.history.connected();
    peer?.sessions.connected(connection, localIp);
  }

  #closed(connection: ConnectionId, message: string): void {
    const peer = this.#owner(connection);
    if (peer === undefined) return;
    this.#peers.disown(connection);
    if (peer.live === undefined) peer.connectError = message;
    peer.sessions.closed(connection, message);
  }

  #timer(id: string): void {
    if (!this.#timers.fired(id, this.#now)) return;
    if (id === DEFERRAL_TIMER) {
      this.#decideAfterRestart(this.#deferral.giveUp());
      return;
    }
    if (id === REACH_TIMER) {
      this.#deferral.late = true;
      return;
    }
    const { owner, timer, peer: name } = timerParts(id);
    const peer = this.#peers.get(name);
    if (peer === undefined) return;
    this.#touch(peer);
    if (owner === 'peer' && timer === 'stale') this.#exchange.staleTimeout(peer, this.#now);
    else if (owner === 'peer') this.#exchange.longLivedTimeout(peer, timer as RouteFamily);
    else peer.sessions.timerFired(owner as Session['name'], timer as SessionTimer);
  }

  #backlog(connection: ConnectionId, bytes: number): void {
    const peer = this.#peers.ownerOf(connection);
    if (peer?.live?.connection.id !== connection) return;
    const session = peer.sessions.established?.name ?? 'first';
    this.#exchange.backlog(peer, bytes, timerId(peer.config.id, session, 'sendHold'), this.#now);
  }

  #stop(peer: Peer, farewell: NotificationMessage | undefined, message: string, restartAfter?: number): void {
    this.#touch(peer);
    peer.lastError = message;
    const said = farewell === undefined ? undefined : asHardReset(farewell, peer.live?.negotiated);
    peer.sessions.stop({
      kind: 'stop',
      message,
      ...(said !== undefined && { notification: said }),
      ...(restartAfter !== undefined && { restartAfter }),
    });
    if (said !== undefined) this.#exchange.dropRoutes(peer);
  }

  #established(peer: Peer, negotiated: Negotiated, connection: Connection): void {
    peer.held = false;
    this.#exchange.established(peer, negotiated, connection, this.#settings, this.#now);
    this.#configure(peer);
  }

  #ended(peer: Peer, reason: EndReason, established: boolean): void {
    // A stray call that ends says nothing about the session that stands.
    if (!established && peer.live !== undefined) return;
    peer.history.ended(reason, established, this.#now);
    peer.lastError = reason.message;
    peer.connectError = undefined;
    if (established) this.#exchange.ended(peer, reason, this.#now);
  }

  #checkLimit(peer: Peer): void {
    const broken = this.#exchange.brokenLimit(peer);
    if (broken !== undefined) this.#hold(peer, broken);
  }

  #hold(peer: Peer, broken: LimitBroken): void {
    this.#stop(peer, cease(1), broken.message, broken.restartAfter);
    peer.held = true;
  }

  #send(slot: number, bytes: Uint8Array): void {
    const peer = this.#peers.inSlot(slot);
    if (peer?.live === undefined) return;
    this.#outputs.push({ kind: 'send', connection: peer.live.connection.id, bytes });
    countMessages(bytes, peer.messagesOut);
    this.#exchange.sent(peer, bytes.length);
  }

  /** Lets everything that this call changed take effect, and hands the outputs out. */
  #finish(): Output[] {
    if (!this.#deferral.over) {
      if (!this.#timers.has(DEFERRAL_TIMER)) {
        this.#timers.set(DEFERRAL_TIMER, this.#now + this.#deferralTime * 1000);
        this.#timers.set(REACH_TIMER, this.#now + this.#reachTime * 1000);
      }
      this.#decideAfterRestart(this.#deferral.review([...this.#peers.all()]));
    }
    this.#decide();
    this.#exchange.drain(this.#deferral.ready());
    const touched = this.#touched;
    if (touched.length > 0) this.#touched = [];
    for (const peer of touched) this.#noteState(peer);
    this.#rib.sweep();
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  #decide(): void {
    this.#rib.flush(this.#deferral.ready(), this.#sendBytes, this.#tellBest);
    this.#bests.forget();
  }

  /** These families need not wait for peers any longer (RFC 4724 §4.1). */
  #decideAfterRestart(families: readonly RouteFamily[]): void {
    if (families.length === 0) return;
    this.#decide();
    for (const family of families) this.#outputs.push({ kind: 'converged', family });
    if (!this.#deferral.over) return;
    this.#timers.clear(DEFERRAL_TIMER);
    this.#timers.clear(REACH_TIMER);
    this.#settings = { ...this.#settings, restarting: false };
    for (const peer of this.#peers.all()) this.#configure(peer);
  }

  #touch(peer: Peer): void {
    if (peer.touched) return;
    peer.touched = true;
    this.#touched.push(peer);
  }

  #noteState(peer: Peer): void {
    peer.touched = false;
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

function shutDownWords(text: string | undefined): string {
  return `shut down by the operator${text === undefined ? '' : `: ${text}`}`;
}
