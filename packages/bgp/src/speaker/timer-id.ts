import type { Session } from './peer-sessions.ts';

/** Bounds the time that a restarted speaker waits for its peers. */
export const DEFERRAL_TIMER = 'speaker/deferral';
/** Bounds the time in which peers must have answered. */
export const REACH_TIMER = 'speaker/reach';

/** `owner/timer/peer`: the peer's name comes last because it may hold anything. `owner` is a session or the peer itself. */
export function timerId(peer: string, owner: Session['name'] | 'peer', timer: string): string {
  return `${owner}/${timer}/${peer}`;
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
