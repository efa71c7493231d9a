import { ERROR_CODES, errorText } from '../wire/error-code.ts';
import { KEEPALIVE } from '../wire/message.ts';
import { cease, type NotificationMessage, notification, notificationText } from '../wire/notification.ts';
import { judgeOpen, type Negotiated, ownOpen } from './negotiation.ts';
import type { SessionConfig } from './session-config.ts';
import type { SessionEffect } from './session-effect.ts';
import type { SessionEvent } from './session-event.ts';
import { type EndReason, SESSION_TIMERS, type SessionState, type SessionTimer } from './session-state.ts';

/** What a step needs besides state and event. */
export interface SessionContext {
  readonly config: SessionConfig;
  /** A number in [0, 1) that spreads timers (RFC 4271 §10); from outside, so that a step stays a function. */
  readonly jitter: number;
}

/** A new state and what to do, in order. */
export type SessionStep = readonly [SessionState, readonly SessionEffect[]];

/** Hold time while waiting for an OPEN, in seconds (RFC 4271 §8.2.2: “a large value”, 4 minutes). */
const OPEN_HOLD_TIME = 240;
const LONGEST_IDLE_HOLD = 60;

/** The session machine of RFC 4271 §8.2.2: total over every state and event. */
export function stepSession(state: SessionState, event: SessionEvent, context: SessionContext): SessionStep {
  switch (state.name) {
    case 'Idle':
      return stepIdle(state, event, context);
    case 'Connect':
      return stepConnect(state, event, context);
    case 'Active':
      return stepActive(state, event, context);
    case 'OpenSent':
      return stepOpenSent(state, event, context);
    case 'OpenConfirm':
      return stepOpenConfirm(state, event, context);
    case 'Established':
      return stepEstablished(state, event, context);
    default:
      return state satisfies never;
  }
}

type In<N extends SessionState['name']> = Extract<SessionState, { readonly name: N }>;

function stepIdle(state: In<'Idle'>, event: SessionEvent, context: SessionContext): SessionStep {
  const wanted = event.kind === 'start' || (event.kind === 'timerFired' && event.timer === 'idleHold');
  if (event.kind === 'stop') return stopWaiting(event, state.retries, context);
  if (!wanted) return [state, []];
  return begin(state.retries, context, [clear('idleHold')]);
}

function begin(retries: number, context: SessionContext, before: readonly SessionEffect[]): SessionStep {
  const retry = set('connectRetry', spread(context.config.connectRetryTime, context));
  if (context.config.passive) return [{ name: 'Active', retries }, [...before, retry]];
  return [{ name: 'Connect', retries }, [...before, retry, { kind: 'dial' }]];
}

function stepConnect(state: In<'Connect'>, event: SessionEvent, context: SessionContext): SessionStep {
  switch (event.kind) {
    case 'start':
      return [state, []];
    case 'stop':
      return stopWaiting(event, state.retries, context);
    case 'connected':
      return greet(state.retries, context);
    case 'closed':
      // RFC 4271 goes to Idle here unless DelayOpen runs; Active accepts the peer's own call meanwhile.
      return [{ name: 'Active', retries: state.retries + 1 }, []];
    case 'timerFired':
      if (event.timer === 'connectRetry') return begin(state.retries, context, [{ kind: 'hangUp' }]);
      return waitIdle(state.retries, context);
    default:
      return waitIdle(state.retries, context);
  }
}

function stepActive(state: In<'Active'>, event: SessionEvent, context: SessionContext): SessionStep {
  switch (event.kind) {
    case 'start':
    case 'closed':
      return [state, []];
    case 'stop':
      return stopWaiting(event, state.retries, context);
    case 'connected':
      return greet(state.retries, context);
    case 'timerFired':
      if (event.timer === 'connectRetry') return begin(state.retries, context, []);
      return waitIdle(state.retries, context);
    default:
      return waitIdle(state.retries, context);
  }
}

function greet(retries: number, context: SessionContext): SessionStep {
  return [
    { name: 'OpenSent', retries },
    [clear('connectRetry'), { kind: 'send', message: ownOpen(context.config) }, set('hold', OPEN_HOLD_TIME)],
  ];
}

function stepOpenSent(state: In<'OpenSent'>, event: SessionEvent, context: SessionContext): SessionStep {
  switch (event.kind) {
    case 'open': {
      const judged = judgeOpen(event.message, context.config);
      if (!judged.ok) return stepOpenSent(state, { kind: 'fault', fault: judged.fault }, context);
      const negotiated = judged.value;
      return [
        { name: 'OpenConfirm', retries: state.retries, negotiated },
        [
          { kind: 'send', message: KEEPALIVE },
          ...(negotiated.holdTime > 0
            ? [set('hold', negotiated.holdTime), keepaliveTimer(negotiated, context)]
            : [clear('hold')]),
        ],
      ];
    }
    case 'keepalive':
    case 'update':
    case 'route-refresh':
      return unexpected(state, event.kind, 1, context);
    case 'closed': {
      const effects: SessionEffect[] = [
        ...clearAll(),
        { kind: 'hangUp' },
        { kind: 'ended', established: false, reason: { cause: 'closed-by-peer', message: event.message } },
        set('connectRetry', spread(context.config.connectRetryTime, context)),
      ];
      return [{ name: 'Active', retries: state.retries + 1 }, effects];
    }
    default:
      return stepConnected(state, event, context);
  }
}

function stepOpenConfirm(
  state: In<'OpenConfirm'>,
  event: SessionEvent,
  context: SessionContext,
): SessionStep {
  switch (event.kind) {
    case 'keepalive': {
      const { negotiated } = state;
      const effects: SessionEffect[] = negotiated.holdTime > 0 ? [set('hold', negotiated.holdTime)] : [];
      return [
        { name: 'Established', retries: 0, negotiated },
        [...effects, { kind: 'established', negotiated }],
      ];
    }
    case 'open':
    case 'update':
    case 'route-refresh':
      return unexpected(state, event.kind, 2, context);
    default:
      return stepConnected(state, event, context);
  }
}

function stepEstablished(
  state: In<'Established'>,
  event: SessionEvent,
  context: SessionContext,
): SessionStep {
  const heard: SessionEffect[] =
    state.negotiated.holdTime > 0 ? [set('hold', state.negotiated.holdTime)] : [];
  switch (event.kind) {
    case 'keepalive':
      return [state, heard];
    case 'update':
    case 'route-refresh':
      return [state, [...heard, { kind: 'deliver', message: event.message }]];
    case 'open':
      return unexpected(state, 'open', 3, context);
    default:
      return stepConnected(state, event, context);
  }
}

type Connected = In<'OpenSent'> | In<'OpenConfirm'> | In<'Established'>;
type ConnectedEvent = Exclude<
  SessionEvent,
  { readonly kind: 'open' | 'keepalive' | 'update' | 'route-refresh' }
>;

/** What happens alike in all states that have a connection. */
function stepConnected(state: Connected, event: ConnectedEvent, context: SessionContext): SessionStep {
  switch (event.kind) {
    case 'start':
    case 'connected':
      return [state, []];
    case 'stop': {
      const cause = event.notification === undefined ? 'silent' : 'stopped';
      const reason: EndReason = { cause, message: event.message, ...withNotification(event.notification) };
      return end(state, reason, event.notification, event.restartAfter, 0);
    }
    case 'closed':
      return failed(state, { cause: 'closed-by-peer', message: event.message }, undefined, context);
    case 'collisionLost': {
      const message = 'the other connection to this peer is kept';
      return failed(state, { cause: 'collision', message }, cease(7), context);
    }
    case 'replaced':
      return failed(state, { cause: 'replaced', message: 'the peer called again' }, cease(7), context);
    case 'notification': {
      const message = `the peer ended the session: ${notificationText(event.message)}`;
      const reason: EndReason = { cause: 'notification-received', notification: event.message, message };
      return failed(state, reason, undefined, context);
    }
    case 'fault': {
      const { code, subcode, data, message, rfc } = event.fault;
      return brokeProtocol(state, notification(code, subcode, data), message, rfc, context);
    }
    case 'timerFired':
      return timerFired(state, event.timer, context);
    default:
      return event satisfies never;
  }
}

function timerFired(state: Connected, timer: SessionTimer, context: SessionContext): SessionStep {
  switch (timer) {
    case 'hold': {
      const message = 'the peer was silent for longer than the hold time';
      const bytes = notification(ERROR_CODES.holdTimer.code);
      return failed(state, { cause: 'hold-timer', message }, bytes, context);
    }
    case 'sendHold': {
      const message = 'the peer read nothing for longer than the send hold time (RFC 9687)';
      const bytes = notification(ERROR_CODES.sendHoldTimer.code);
      return failed(state, { cause: 'send-hold-timer', message }, bytes, context);
    }
    case 'keepalive':
      if (state.name === 'OpenSent') break;
      return [state, [{ kind: 'send', message: KEEPALIVE }, keepaliveTimer(state.negotiated, context)]];
    case 'connectRetry':
    case 'idleHold':
      break;
    default:
      return timer satisfies never;
  }
  const message = `the ${timer} timer can't fire in ${state.name}`;
  return brokeProtocol(state, notification(ERROR_CODES.fsm.code), message, 'RFC 4271 §8.2.2', context);
}

const MESSAGE_TYPES = { open: 1, update: 2, keepalive: 4, 'route-refresh': 5 } as const;

/** A message that the state doesn't allow (RFC 6608 §3: the subcode tells the state, the data the message type). */
function unexpected(
  state: Connected,
  kind: keyof typeof MESSAGE_TYPES,
  subcode: number,
  context: SessionContext,
): SessionStep {
  const message = `the peer sent ${kind.toUpperCase()} in ${state.name}`;
  const bytes = notification(ERROR_CODES.fsm.code, subcode, Uint8Array.of(MESSAGE_TYPES[kind]));
  return brokeProtocol(state, bytes, message, 'RFC 6608 §3', context);
}

/** Ends a connection over what may not be, with a reason that bears the code of what the peer is told. */
function brokeProtocol(
  state: Connected,
  farewell: NotificationMessage,
  what: string,
  rfc: string,
  context: SessionContext,
): SessionStep {
  const message = `we ended the session: ${what} (${errorText(farewell.code, farewell.subcode)}, ${rfc})`;
  return failed(state, { cause: 'protocol-error', message }, farewell, context);
}

/** Ends a connection after an error and tries again later. */
function failed(
  state: Connected,
  reason: EndReason,
  farewell: NotificationMessage | undefined,
  context: SessionContext,
): SessionStep {
  const retries = state.retries + 1;
  return end(
    state,
    { ...withNotification(farewell), ...reason },
    farewell,
    idleHold(retries, context),
    retries,
  );
}

function end(
  state: Connected,
  reason: EndReason,
  farewell: NotificationMessage | undefined,
  restartAfter: number | undefined,
  retries: number,
): SessionStep {
  return [
    { name: 'Idle', retries },
    [
      ...clearAll(),
      ...(farewell === undefined ? [] : [{ kind: 'send', message: farewell } as const]),
      { kind: 'hangUp' },
      { kind: 'ended', reason, established: state.name === 'Established' },
      ...(restartAfter === undefined ? [] : [set('idleHold', restartAfter)]),
    ],
  ];
}

function withNotification(sent: NotificationMessage | undefined): {
  readonly notification?: NotificationMessage;
} {
  return sent === undefined ? {} : { notification: sent };
}

type Stop = Extract<SessionEvent, { readonly kind: 'stop' }>;

function stopWaiting(event: Stop, retries: number, context: SessionContext): SessionStep {
  if (event.restartAfter !== undefined) return waitIdle(retries, context, event.restartAfter);
  return [{ name: 'Idle', retries: 0 }, [...clearAll(), { kind: 'hangUp' }]];
}

/** Leaves Connect or Active for a pause (RFC 4271 §8.2.2: “any other event”). */
function waitIdle(retries: number, context: SessionContext, after?: number): SessionStep {
  const pause = after ?? idleHold(retries + 1, context);
  return [
    { name: 'Idle', retries: retries + 1 },
    [...clearAll(), { kind: 'hangUp' }, set('idleHold', pause)],
  ];
}

function idleHold(retries: number, context: SessionContext): number {
  const pause = context.config.idleHoldTime * 2 ** Math.min(Math.max(0, retries - 1), 10);
  return spread(Math.min(pause, LONGEST_IDLE_HOLD), context);
}

/** RFC 4271 §10: between 0.75 and 1 times the value. */
function spread(seconds: number, context: SessionContext): number {
  return seconds * (0.75 + 0.25 * context.jitter);
}

function keepaliveTimer(negotiated: Negotiated, context: SessionContext): SessionEffect {
  return negotiated.keepaliveTime > 0
    ? set('keepalive', spread(negotiated.keepaliveTime, context))
    : clear('keepalive');
}

function set(timer: SessionTimer, after: number): SessionEffect {
  return { kind: 'setTimer', timer, after };
}

function clear(timer: SessionTimer): SessionEffect {
  return { kind: 'clearTimer', timer };
}

function clearAll(): SessionEffect[] {
  return SESSION_TIMERS.map(clear);
}
