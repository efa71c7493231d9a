import type { Ip } from '@muslin/net';
import type { Rib } from '../rib/rib.ts';
import type { Negotiated } from '../session/negotiation.ts';
import { type EndReason, SESSION_TIMERS, type SessionTimer } from '../session/session-state.ts';
import { codesOf } from '../wire/capability.ts';
import { countMessages } from '../wire/count-messages.ts';
import { ERROR_CODES } from '../wire/error-code.ts';
import { encodeMessage } from '../wire/message.ts';
import { cease, type NotificationMessage } from '../wire/notification.ts';
import { PLAIN_OPTIONS } from '../wire/options.ts';
import type { RouteFamily } from '../wire/route-family.ts';
import { asHardReset } from './graceful-restart.ts';
import type { ConnectionId, Input } from './input.ts';
import type { Jitter } from './jitter.ts';
import { newPeer, type Peer, sessionConfigOf } from './peer.ts';
import { changedFields, type FullPeerConfig, liftedLimits, needsReset, type PeerId } from './peer-config.ts';
import { type Connection, PeerSessions, type Session, type SessionHost } from './peer-sessions.ts';
import { PeerSet } from './peer-set.ts';
import type { LimitBroken, RouteExchange } from './route-exchange.ts';
import type { TimerBook } from './timer-book.ts';
import { sessionTimerIds, timerId } from './timer-id.ts';
import type { Turn } from './turn.ts';

/** The peers of a speaker and the life of their sessions: configured, called, established, ended, forgotten. */
export class Peering {
  readonly peers: PeerSet = new PeerSet();
  readonly #turn: Turn;
  readonly #rib: Rib;
  readonly #timers: TimerBook;
  readonly #exchange: RouteExchange;
  readonly #jitter: Jitter;
  /** Peers whose state may have changed in this call. */
  #touched: Peer[] = [];
  #dials = 0;

  constructor(turn: Turn, rib: Rib, timers: TimerBook, exchange: RouteExchange, jitter: Jitter) {
    this.#turn = turn;
    this.#rib = rib;
    this.#timers = timers;
    this.#exchange = exchange;
    this.#jitter = jitter;
  }

  /** Adds a peer, or changes it: only what differs is touched. */
  set(config: FullPeerConfig): void {
    const peer = this.peers.get(config.id);
    if (peer === undefined) this.#add(config);
    else this.#change(peer, config);
  }

  /** Ends the sessions of a peer that is about to be forgotten, and takes its routes out. */
  end(peer: Peer, reason: string): void {
    const { id } = peer.config;
    this.stop(peer, cease(3), reason);
    for (const name of ['first', 'second'] as const) {
      for (const timer of SESSION_TIMERS) this.#timers.clear(timerId(id, name, timer));
    }
    this.#timers.clear(timerId(id, 'peer', 'stale'));
    this.#exchange.dropRoutes(peer);
  }

  /** Forgets a peer whose end has taken effect. */
  forget(peer: Peer): void {
    this.peers.remove(peer);
    this.#rib.peers.free(peer.slot);
  }

  /** Ends all sessions, with `text` (RFC 9003) or, where the peers keep our routes meanwhile, without a word. */
  shutDown(graceful: boolean, text: string | undefined): void {
    for (const peer of this.peers.all()) {
      const silent = graceful && peer.live?.negotiated.gracefulRestart !== undefined;
      this.stop(peer, silent ? undefined : cease(2, text), shutDownWords(text));
    }
  }

  /** A timer of a peer, or of one of its sessions, is due. */
  timer(peer: Peer, owner: string, timer: string): void {
    this.touch(peer);
    if (owner === 'peer' && timer === 'stale') this.#exchange.staleTimeout(peer, this.#turn.now);
    else if (owner === 'peer') this.#exchange.longLivedTimeout(peer, timer as RouteFamily);
    else peer.sessions.timerFired(owner as Session['name'], timer as SessionTimer);
  }

  /** Tells of the states that changed since it was asked last. */
  noteStates(): void {
    const touched = this.#touched;
    if (touched.length > 0) this.#touched = [];
    for (const peer of touched) this.#noteState(peer);
  }

  #add(config: FullPeerConfig): void {
    const slot = this.#rib.peers.reserve();
    const sessions = new PeerSessions(
      sessionConfigOf(config, this.#turn.settings, this.#turn.settings.restarting),
      this.#hostOf(config.id),
    );
    const peer = newPeer(slot, config, sessions, this.#turn.now);
    this.peers.add(peer);
    this.touch(peer);
    if (config.enabled) peer.sessions.start();
    else peer.lastError = shutDownWords(config.shutdownText);
  }

  #change(peer: Peer, config: FullPeerConfig): void {
    const before = peer.config;
    const changes = changedFields(before, config);
    if (changes.length === 0) return;
    peer.config = config;
    peer.refused = false;
    this.peers.moved(peer);
    this.configure(peer);
    this.touch(peer);
    if (!config.enabled) {
      if (before.enabled) this.stop(peer, cease(2, config.shutdownText), shutDownWords(config.shutdownText));
    } else if (!before.enabled) peer.sessions.start();
    else if (needsReset(changes)) this.stop(peer, cease(6), 'the configuration changed', 0);
    else if (peer.held && peer.live === undefined) {
      peer.held = false;
      peer.sessions.start();
    } else {
      this.#exchange.retreat(peer, this.#turn.settings);
      this.#checkLimit(peer);
      for (const family of liftedLimits(before, config)) this.askAgain(peer, family);
    }
  }

  /** What sessions from now on are made of. */
  configure(peer: Peer): void {
    const forwarding = this.#turn.settings.restarting || peer.established > 0;
    peer.sessions.config = sessionConfigOf(peer.config, this.#turn.settings, forwarding);
  }

  #hostOf(id: PeerId): SessionHost {
    const peer = (): Peer => this.peers.get(id) as Peer;
    return {
      jitter: () => this.#jitter.next(),
      dial: () => {
        const { remoteIp, transport } = peer().config;
        const connection = `out-${++this.#dials}`;
        this.peers.own(connection, peer());
        peer().history.dialled(connection, this.#turn.now);
        const port = transport.port ?? 179;
        this.#turn.outputs.push({ kind: 'dial', peer: id, connection, remoteIp, port, transport });
        return connection;
      },
      transmit: (connection, bytes) => this.#turn.outputs.push({ kind: 'send', connection, bytes }),
      hangUp: connection => {
        this.peers.disown(connection);
        const silence = peer().history.hungUp(connection, this.#turn.now);
        if (silence !== undefined) peer().connectError = silence;
        this.#turn.outputs.push({ kind: 'close', connection });
      },
      timersOf: session => sessionTimerIds(id, session),
      setTimer: (timer, seconds) => this.#timers.set(timer, Math.ceil(this.#turn.now + seconds * 1000)),
      clearTimer: timer => this.#timers.clear(timer),
      established: (negotiated, connection) => this.#established(peer(), negotiated, connection),
      deliver: message => {
        const broken = this.#exchange.deliver(peer(), message, this.#turn.now);
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

  /** Asks a peer to send its routes again (RFC 2918); nothing happens when it can't. */
  askAgain(peer: Peer | undefined, family: RouteFamily): void {
    const live = peer?.live;
    if (peer === undefined || live === undefined) return;
    if (!live.negotiated.routeRefresh || !live.negotiated.families[family]) return;
    const bytes = encodeMessage({ kind: 'route-refresh', ...codesOf(family), subtype: 0 }, PLAIN_OPTIONS);
    countMessages(bytes, peer.messagesOut);
    this.#turn.outputs.push({ kind: 'send', connection: live.connection.id, bytes });
  }

  /** Whose connection this is. */
  owner(connection: ConnectionId): Peer | undefined {
    const peer = this.peers.ownerOf(connection);
    if (peer !== undefined) this.touch(peer);
    return peer;
  }

  /** Somebody called: whoever it may be from that address, or nobody that we want. */
  accept(input: Extract<Input, { readonly kind: 'accepted' }>): void {
    const { connection } = input;
    const peer = this.peers.at(input.remoteIp, input.interface);
    const idle = peer?.sessions.leading.state.name === 'Idle';
    if (peer?.config.enabled && !(peer.held && idle)) {
      this.peers.own(connection, peer);
      this.touch(peer);
      peer.history.accepted();
      peer.sessions.accepted(connection, input.localIp);
      return;
    }
    this.#turn.outputs.push({ kind: 'send', connection, bytes: encodeMessage(cease(5), PLAIN_OPTIONS) });
    this.#turn.outputs.push({ kind: 'close', connection });
  }

  /** A call of ours was answered. */
  connected(connection: ConnectionId, localIp: Ip): void {
    const peer = this.owner(connection);
    peer?.history.connected();
    peer?.sessions.connected(connection, localIp);
  }

  /** A connection is gone, or could not be made. */
  closed(connection: ConnectionId, message: string): void {
    const peer = this.owner(connection);
    if (peer === undefined) return;
    this.peers.disown(connection);
    if (peer.live === undefined) peer.connectError = message;
    peer.sessions.closed(connection, message);
  }

  /** What the kernel has not taken yet. */
  backlog(connection: ConnectionId, bytes: number): void {
    const peer = this.peers.ownerOf(connection);
    if (peer?.live?.connection.id !== connection) return;
    const session = peer.sessions.established?.name ?? 'first';
    this.#exchange.backlog(peer, bytes, timerId(peer.config.id, session, 'sendHold'), this.#turn.now);
  }

  /** Ends the sessions with a peer, with a farewell or in silence. */
  stop(peer: Peer, farewell: NotificationMessage | undefined, message: string, restartAfter?: number): void {
    this.touch(peer);
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
    peer.refused = false;
    this.#exchange.established(peer, negotiated, connection, this.#turn.settings, this.#turn.now);
    this.configure(peer);
  }

  #ended(peer: Peer, reason: EndReason, established: boolean): void {
    // A stray call that ends says nothing about the session that stands.
    if (!established && peer.live !== undefined) return;
    peer.history.ended(reason, established, this.#turn.now);
    peer.refused ||= !established && reason.notification?.code === ERROR_CODES.open.code;
    peer.lastError = reason.message;
    peer.connectError = undefined;
    if (established) this.#exchange.ended(peer, reason, this.#turn.now);
  }

  #checkLimit(peer: Peer): void {
    const broken = this.#exchange.brokenLimit(peer);
    if (broken !== undefined) this.#hold(peer, broken);
  }

  #hold(peer: Peer, broken: LimitBroken): void {
    this.stop(peer, cease(1), broken.message, broken.restartAfter);
    peer.held = true;
  }

  /** Notes that the state of a peer may change. */
  touch(peer: Peer): void {
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
    peer.since = this.#turn.now;
    const error = peer.connectError ?? peer.lastError;
    const reason = fell && error !== undefined ? { reason: error } : {};
    this.#turn.outputs.push({ kind: 'peerChanged', peer: peer.config.id, state, ...reason });
  }
}

function shutDownWords(text: string | undefined): string {
  return `shut down by the operator${text === undefined ? '' : `: ${text}`}`;
}
