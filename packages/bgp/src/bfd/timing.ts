import type { BfdParameters, BfdState, Timing } from './session-state.ts';
import type { BfdStateName } from './codec.ts';

/** Least interval between packets of a session that is not Up, in microseconds (RFC 5880 §6.8.3). */
export const SLOW_TX = 1_000_000;

/** The intervals that a packet in this state must tell. */
export function wantedTiming(name: BfdStateName, parameters: BfdParameters): Timing {
  const { desiredMinTx, requiredMinRx } = parameters;
  return { desiredMinTx: name === 'Up' ? desiredMinTx : Math.max(SLOW_TX, desiredMinTx), requiredMinRx };
}

/**
 * Microseconds between periodic packets, before jitter; undefined when none may be sent (RFC 5880 §6.8.7): the peer
 * wants none, or it is in demand mode, both ends are Up and nothing is being polled.
 */
export function transmitInterval(state: BfdState): number | undefined {
  const { remote, inForce, poll } = state;
  if (remote === undefined) return inForce.desiredMinTx;
  if (remote.requiredMinRx === 0) return undefined;
  const demanded = remote.demand && remote.state === 'Up' && state.name === 'Up';
  if (demanded && poll === 'idle') return undefined;
  return Math.max(inForce.desiredMinTx, remote.requiredMinRx);
}

/** Microseconds of silence after which the peer counts as gone (RFC 5880 §6.8.4); undefined before it was heard. */
export function detectionTime(state: BfdState): number | undefined {
  const { remote, inForce } = state;
  if (remote === undefined) return undefined;
  return remote.detectMultiplier * Math.max(inForce.requiredMinRx, remote.desiredMinTx);
}

/**
 * The part of the interval to wait: 75 to 100 %, and at most 90 % when the loss of a single packet is fatal
 * (RFC 5880 §6.8.7). `jitter` is in [0, 1].
 */
export function jitterFactor(detectMultiplier: number, jitter: number): number {
  return 0.75 + (detectMultiplier === 1 ? 0.15 : 0.25) * jitter;
}
