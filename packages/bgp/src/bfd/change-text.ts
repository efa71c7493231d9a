import { formatIp } from '@muslin/net';
import { diagnosticText } from './diagnostic.ts';
import type { BfdSession } from './session-config.ts';
import type { BfdState } from './session-state.ts';
import { detectionTime } from './timing.ts';

const ms = (micros: number | undefined): string => `${Math.round((micros ?? 0) / 100) / 10} ms`;

/** Why clients hear of a change from `before` to `after`: who noticed what. */
export function changeText(session: BfdSession, before: BfdState, after: BfdState): string {
  const peer = formatIp(session.peer);
  const { remote } = after;
  if (after.name === 'Up')
    return `${peer} answers; silence counts as failure after ${ms(detectionTime(after))}`;
  if (after.name === 'AdminDown') return `BFD with ${peer} was turned off here`;
  if (remote?.state === 'AdminDown') return `${peer} turned BFD off, which is no failure (RFC 5882 §3.2)`;
  if (remote === undefined) return `${peer} was silent for ${ms(detectionTime(before))} (RFC 5880 §6.8.4)`;
  return remote.diagnostic === 0
    ? `${peer} says that its session is down`
    : `${peer} says that its session is down: it ${diagnosticText(remote.diagnostic)}`;
}
