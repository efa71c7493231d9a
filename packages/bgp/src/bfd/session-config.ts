import { formatIp, type Ip } from '@muslin/net';
import type { BfdParameters } from './session-state.ts';

/** A session that somebody wants. Peer, local address, interface and hops tell sessions apart; the rest may change. */
export interface BfdSession {
  readonly peer: Ip;
  /** The address to send from; without it the kernel chooses, and packets to any address are taken. */
  readonly local?: Ip;
  /** Name of the interface; needed for a link-local peer. */
  readonly interface?: string;
  /** Several hops away (RFC 5883, port 4784) instead of one (RFC 5881, port 3784). */
  readonly multihop?: boolean;
  /** Least TTL of received packets: 255 for a single hop whatever is said here, 1 by default for several. */
  readonly minimumTtl?: number;
  /** Milliseconds that we would like between packets that we send, 0.001 to 4,294,967. Default 300. */
  readonly transmitInterval?: number;
  /** Milliseconds that we can stand between packets that we get. Default 300. */
  readonly receiveInterval?: number;
  /** Packets of ours that may be missed, 1 to 255. Default 3. */
  readonly detectMultiplier?: number;
  /** False: the peer is told AdminDown, which is no failure (RFC 5882 §3.2). Default true. */
  readonly enabled?: boolean;
}

/** The name of a session, from what tells it apart: `10.0.0.2`, `fe80::1%eth0`, `10.9.0.1 from 10.0.0.1 (multihop)`. */
export type BfdSessionId = string;

/** UDP ports (RFC 5881 §4, RFC 5883 §5). */
export const BFD_PORT = { singleHop: 3784, multihop: 4784 } as const;

const DEFAULT_INTERVAL = 300;
const DEFAULT_MULTIPLIER = 3;
const LARGEST = 0xffff_ffff;
const MAX_TTL = 255;

/** Names a session. */
export function bfdSessionId(session: BfdSession): BfdSessionId {
  const link = session.interface === undefined ? '' : `%${session.interface}`;
  const local = session.local === undefined ? '' : ` from ${formatIp(session.local)}`;
  return `${formatIp(session.peer)}${link}${local}${session.multihop === true ? ' (multihop)' : ''}`;
}

/** The protocol's view of what is wanted, within the limits of its fields. */
export function parametersOf(session: BfdSession): BfdParameters {
  const micros = (ms: number) => Math.min(LARGEST, Math.max(1, Math.round(ms * 1000)));
  return {
    desiredMinTx: micros(session.transmitInterval ?? DEFAULT_INTERVAL),
    requiredMinRx: micros(session.receiveInterval ?? DEFAULT_INTERVAL),
    detectMultiplier: Math.min(255, Math.max(1, Math.round(session.detectMultiplier ?? DEFAULT_MULTIPLIER))),
  };
}

/** Least TTL that a received packet of the session must have. */
export function minimumTtlOf(session: BfdSession): number {
  return session.multihop === true ? (session.minimumTtl ?? 1) : MAX_TTL;
}
