import { SESSION_TIMERS, type SessionTimer } from '../session/session-state.ts';
import type { Session } from './peer-sessions.ts';

/** Bounds the time that a restarted speaker waits for its peers. */
export const DEFERRAL_TIMER = 'speaker/deferral';
/** Bounds the time in which peers must have answered. */
export const REACH_TIMER = 'speaker/reach';

/** `owner/timer/peer`: the peer's name comes last because it may hold anything. `owner` is a session or the peer itself. */
export function timerId(peer: string, owner: Session['name'] | 'peer', timer: string): string {
  return `${owner}/${timer}/${peer}`;
}

/** The names of a session's timers: made once, since the hold timer is set with every message. */
export type SessionTimerIds = Readonly<Record<SessionTimer, string>>;

/** See `SessionTimerIds`. */
export function sessionTimerIds(peer: string, session: Session['name']): SessionTimerIds {
  const ids = SESSION_TIMERS.map(timer => [timer, timerId(peer, session, timer)] as const);
  return Object.fromEntries(ids) as Record<SessionTimer, string>;
}

/** Takes an id apart. */
export function timerParts(id: string): {
  readonly owner: string;
  readonly timer: string;
  readonly peer: string;
} {
  const [owner = '', timer = '', ...rest] = id.split('/');
  return { owner, timer, peer: rest.join('/') };
}
