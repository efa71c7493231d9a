import type { Ip } from '@muslin/net';
import { ERROR_CODES } from '../wire/error-code.ts';
import { Framer } from '../wire/framer.ts';
import { decodeMessage, encodeMessage, type Message } from '../wire/message.ts';
import { cease } from '../wire/notification.ts';
import { PLAIN_OPTIONS, type WireOptions } from '../wire/options.ts';
import { PlainUpdate } from '../wire/plain-update.ts';
import type { RouteRefreshMessage } from '../wire/route-refresh.ts';
import type { UpdateMessage } from '../wire/update.ts';
import type { Negotiated } from '../session/negotiation.ts';
import { stepSession } from '../session/session.ts';
import type { SessionConfig } from '../session/session-config.ts';
import type { SessionEvent } from '../session/session-event.ts';
import { type EndReason, IDLE, STATE_NAMES, type SessionState } from '../session/session-state.ts';
import type { ConnectionId } from './input.ts';
import type { SessionTimerIds } from './timer-id.ts';

/** A TCP connection of a session. */
export interface Connection {
  readonly id: ConnectionId;
  readonly direction: 'out' | 'in';
  localIp: Ip | undefined;
  readonly framer: Framer;
  receive: WireOptions;
  send: WireOptions;
}

/** One of at most two sessions with a peer: the one that dials, and one for a call that came meanwhile. */
export interface Session {
  readonly name: 'first' | 'second';
  /** What its timers are called. */
  readonly timers: SessionTimerIds;
  state: SessionState;
  connection: Connection | undefined;
}

/** What the holder needs from its speaker. */
export interface SessionHost {
  readonly jitter: () => number;
  readonly dial: () => ConnectionId;
  readonly transmit: (connection: ConnectionId, bytes: Uint8Array) => void;
  readonly hangUp: (connection: ConnectionId) => void;
  readonly timersOf: (session: Session['name']) => SessionTimerIds;
  readonly setTimer: (id: string, seconds: number) => void;
  readonly clearTimer: (id: string) => void;
  readonly established: (negotiated: Negotiated, connection: Connection) => void;
  readonly deliver: (message: UpdateMessage | RouteRefreshMessage) => void;
  readonly ended: (reason: EndReason, established: boolean) => void;
  /** An UPDATE came that needs no thought; it is counted, too. Valid for the length of the call. */
  readonly deliverPlain: (update: PlainUpdate) => void;
  readonly counted: (direction: 'in' | 'out', message: Message) => void;
}

/** Holds the sessions with one peer and keeps only one of two that collide (RFC 4271 §6.8). */
export class PeerSessions {
  config: SessionConfig;
  readonly #host: SessionHost;
  readonly #first: Session;
  #second: Session | undefined;
  readonly #plain = new PlainUpdate();

  constructor(config: SessionConfig, host: SessionHost) {
    this.config = config;
    this.#host = host;
    this.#first = { name: 'first', timers: host.timersOf('first'), state: IDLE, connection: undefined };
  }

  /** The most advanced session. */
  get leading(): Session {
    const second = this.#second;
    return second !== undefined && rank(second) > rank(this.#first) ? second : this.#first;
  }

  /** All sessions. */
  get all(): readonly Session[] {
    return this.#second === undefined ? [this.#first] : [this.#first, this.#second];
  }

  get established(): Session | undefined {
    if (this.#first.state.name === 'Established') return this.#first;
    return this.#second?.state.name === 'Established' ? this.#second : undefined;
  }

  start(): void {
    this.#step(this.#first, { kind: 'start' });
  }

  /** Ends everything; see the `stop` event for what the arguments mean. */
  stop(event: Extract<SessionEvent, { readonly kind: 'stop' }>): void {
    for (const session of this.all) this.#step(session, event);
  }

  /** A dialled connection is up. */
  connected(connection: ConnectionId, localIp: Ip): void {
    const session = this.#of(connection);
    if (session?.connection === undefined) return;
    session.connection.localIp = localIp;
    this.#step(session, { kind: 'connected' });
  }

  /** The peer called. */
  accepted(id: ConnectionId, localIp: Ip): void {
    const connection = newConnection(id, 'in', localIp);
    const { established } = this;
    if (established !== undefined) {
      const state = established.state as Extract<SessionState, { readonly name: 'Established' }>;
      if (state.negotiated.gracefulRestart === undefined) {
        this.#host.transmit(id, encodeMessage(cease(7), PLAIN_OPTIONS));
        this.#host.hangUp(id);
        return;
      }
    }
    // The first session takes the call unless it dials or is the established one.
    const parked = this.#first.state.name === 'Idle' && established !== undefined;
    if (this.#first.state.name === 'Active' || parked) {
      this.#first.state = { name: 'Active', retries: this.#first.state.retries };
      this.#first.connection = connection;
      this.#step(this.#first, { kind: 'connected' });
      return;
    }
    // The peer calls again: it gave the earlier call up.
    if (this.#second !== undefined && this.#second !== established) {
      this.#step(this.#second, { kind: 'replaced' });
    }
    const retries = this.#first.state.retries;
    const timers = this.#host.timersOf('second');
    const second: Session = { name: 'second', timers, state: { name: 'Active', retries }, connection };
    if (this.#second !== undefined)
      throw new Error('an established second session leaves the first one free');
    this.#second = second;
    this.#step(second, { kind: 'connected' });
  }

  /** A connection ended, or could not be made. */
  closed(connection: ConnectionId, message: string): void {
    const session = this.#of(connection);
    if (session === undefined) return;
    const event: SessionEvent = { kind: 'closed', message };
    // It is gone already: nothing to hang up.
    session.connection = undefined;
    this.#step(session, event);
  }

  timerFired(name: Session['name'], timer: keyof SessionTimerIds): void {
    const session = this.all.find(s => s.name === name);
    if (session !== undefined) this.#step(session, { kind: 'timerFired', timer });
  }

  received(id: ConnectionId, bytes: Uint8Array): void {
    const session = this.#of(id);
    const connection = session?.connection;
    if (session === undefined || connection === undefined) return;
    connection.framer.push(bytes);
    let heard = false;
    while (session.connection === connection) {
      if (
        session.state.name === 'Established' &&
        connection.framer.nextPlain(this.#plain, connection.receive)
      ) {
        // What `stepSession` says to an UPDATE when Established (RFC 4271 §8.2.2), once for all that came together.
        const { holdTime } = session.state.negotiated;
        if (!heard && holdTime > 0) this.#host.setTimer(session.timers.hold, holdTime);
        heard = true;
        this.#host.deliverPlain(this.#plain);
        continue;
      }
      const frame = connection.framer.next();
      if (frame === undefined) return;
      if ('severity' in frame) {
        this.#step(session, { kind: 'fault', fault: frame });
        return;
      }
      const message = decodeMessage(frame, connection.receive);
      if (!message.ok) this.#step(session, this.#faultEvent(session, frame.type, message.fault));
      else {
        this.#host.counted('in', message.value);
        this.#message(session, message.value);
      }
    }
  }

  /** A malformed UPDATE or ROUTE-REFRESH where none is allowed is first of all unexpected (RFC 6608). */
  #faultEvent(
    session: Session,
    type: number,
    fault: Extract<SessionEvent, { kind: 'fault' }>['fault'],
  ): SessionEvent {
    if (session.state.name !== 'Established' && fault.code === ERROR_CODES.update.code && type === 2) {
      return { kind: 'update', message: EMPTY_UPDATE };
    }
    return { kind: 'fault', fault };
  }

  #message(session: Session, message: Message): void {
    if (message.kind === 'open' && session.state.name === 'OpenSent') {
      const loser = this.#collision(session, message.identifier.bits);
      if (loser !== undefined) this.#step(loser, { kind: 'collisionLost' });
      if (loser === session) return;
    }
    const event: SessionEvent =
      message.kind === 'keepalive'
        ? { kind: 'keepalive' }
        : ({ kind: message.kind, message } as SessionEvent);
    this.#step(session, event);
  }

  /**
   * Which of two connections must go, now that an OPEN tells the peer's router ID (RFC 4271 §6.8): the one that the
   * speaker with the lower router ID made; with equal ones the lower AS number decides (RFC 6286 §2.3).
   * The other is judged already in OpenSent: both sides then drop the same one before either goes on with it.
   */
  #collision(session: Session, remoteId: number): Session | undefined {
    const other = this.all.find(s => s !== session);
    if (other?.connection === undefined) return undefined;
    if (other.state.name === 'Established') {
      if (other.state.negotiated.gracefulRestart === undefined) return session;
      // RFC 4724 §5: the peer restarted, and the old connection just doesn't know yet. A mere TCP call proves nothing.
      this.#step(other, { kind: 'closed', message: 'the peer opened a new session (RFC 4724 §5)' });
      return undefined;
    }
    if (other.state.name !== 'OpenConfirm' && other.state.name !== 'OpenSent') return undefined;
    if (other.connection.direction === session.connection?.direction) return other;
    const { routerId, localAs, remoteAs } = this.config;
    const higher = routerId.bits === remoteId ? localAs > Number(remoteAs) : routerId.bits > remoteId;
    return session.connection?.direction === (higher ? 'out' : 'in') ? other : session;
  }

  #of(connection: ConnectionId): Session | undefined {
    if (this.#first.connection?.id === connection) return this.#first;
    return this.#second?.connection?.id === connection ? this.#second : undefined;
  }

  #step(session: Session, event: SessionEvent): void {
    const [state, effects] = stepSession(session.state, event, {
      config: this.config,
      jitter: this.#host.jitter(),
    });
    session.state = state;
    for (const effect of effects) {
      switch (effect.kind) {
        case 'dial':
          session.connection = newConnection(this.#host.dial(), 'out', undefined);
          break;
        case 'hangUp':
          if (session.connection !== undefined) this.#host.hangUp(session.connection.id);
          session.connection = undefined;
          break;
        case 'send':
          this.#send(session, effect.message);
          break;
        case 'setTimer':
          // Only the first session dials again by itself.
          if (session.name === 'first' || effect.timer !== 'idleHold') {
            this.#host.setTimer(session.timers[effect.timer], effect.after);
          }
          break;
        case 'clearTimer':
          this.#host.clearTimer(session.timers[effect.timer]);
          break;
        case 'established':
          this.#establish(session, effect.negotiated);
          break;
        case 'deliver':
          this.#host.deliver(effect.message);
          break;
        case 'ended':
          this.#host.ended(effect.reason, effect.established);
          break;
        default:
          effect satisfies never;
      }
    }
    if (session.name === 'second') this.#tidy(session, event);
    else this.#park(session);
  }

  /** While the second session is established the first one must not dial. */
  #park(first: Session): void {
    if (this.#second?.state.name !== 'Established') return;
    if (first.connection === undefined && first.state.name !== 'Idle') {
      this.#step(first, { kind: 'stop', message: 'the other session is established' });
    } else if (first.state.name === 'Idle') this.#host.clearTimer(first.timers.idleHold);
  }

  /** A second session that ended is forgotten, and the first one dials again. */
  #tidy(session: Session, event: SessionEvent): void {
    if (session !== this.#second || rank(session) >= rank({ state: { name: 'OpenSent', retries: 0 } }))
      return;
    this.#second = undefined;
    this.#host.clearTimer(session.timers.connectRetry);
    if (event.kind === 'stop' || this.#first.state.name !== 'Idle') return;
    const retries = session.state.retries;
    this.#first.state = { name: 'Idle', retries };
    this.#host.setTimer(this.#first.timers.idleHold, this.config.idleHoldTime);
  }

  #establish(session: Session, negotiated: Negotiated): void {
    const other = this.all.find(s => s !== session);
    if (other !== undefined) {
      const quiet = other.state.name === 'OpenSent' || other.state.name === 'OpenConfirm';
      const farewell = quiet ? { notification: cease(7) } : {};
      this.#step(other, { kind: 'stop', message: 'the other connection is established', ...farewell });
    }
    const { connection } = session;
    if (connection === undefined) throw new Error('an established session has a connection');
    connection.receive = negotiated.receive;
    connection.send = negotiated.send;
    connection.framer.maxLength = negotiated.receive.maxLength;
    this.#host.established(negotiated, connection);
  }

  #send(session: Session, message: Message): void {
    const { connection } = session;
    if (connection === undefined) return;
    this.#host.counted('out', message);
    this.#host.transmit(connection.id, encodeMessage(message, connection.send));
  }
}

const EMPTY_UPDATE: UpdateMessage = {
  kind: 'update',
  withdrawn: { family: 'ipv4-unicast', addPath: false, bytes: new Uint8Array(0) },
  announced: { family: 'ipv4-unicast', addPath: false, bytes: new Uint8Array(0) },
  attributes: {},
  faults: [],
};

function rank(session: { readonly state: SessionState }): number {
  return STATE_NAMES.indexOf(session.state.name);
}

function newConnection(id: ConnectionId, direction: 'out' | 'in', localIp: Ip | undefined): Connection {
  return { id, direction, localIp, framer: new Framer(), receive: PLAIN_OPTIONS, send: PLAIN_OPTIONS };
}
