import type { ReceivedControl } from '@muslin/bgp';
import { inNamespace, type Namespace, type SystemFault, systemCalls } from '@muslin/linux';
import { type Family, mustIp, type Result } from '@muslin/net';
import {
  AF,
  type Arrival,
  arrivalOf,
  IPV6_V6ONLY,
  LEVEL,
  OPTION,
  SO,
  SOCK,
  socketAddress,
} from './datagram.ts';
import { openDatagram } from './open-datagram.ts';

/** One receiving socket: a family and a port, on all addresses. */
export interface BfdListener {
  readonly fd: number;
  readonly family: Family;
  readonly multihop: boolean;
}

/** A datagram with the index of its interface; the caller knows the names. */
export interface ReceivedDatagram extends Omit<ReceivedControl, 'interface'> {
  readonly linkIndex: number;
}

/** A control packet has 24 octets, or a little more with authentication. */
const ROOM = 256;
/** Packets that are read before timers have their turn: more than a socket's buffer holds, less than a flood. */
export const BATCH = 2048;
const RECEIVE_BUFFER = 512 << 10;
const EINTR = -4;

/**
 * Opens a listener. Without SO_REUSEADDR, so that a second BFD daemon on the node is told (EADDRINUSE) instead of
 * taking our packets in silence.
 */
export function openListener(
  namespace: Namespace | undefined,
  family: Family,
  port: number,
  multihop: boolean,
): Result<BfdListener, SystemFault> {
  const calls = systemCalls();
  const { level, receiveTtl, receiveInfo } = OPTION[family];
  const address = socketAddress(mustIp(family === 4 ? '0.0.0.0' : '::'), port);
  const opened = inNamespace(namespace, () =>
    openDatagram(AF[family], SOCK.nonBlocking, `BFD port ${port}`, [
      fd => (family === 6 ? calls.setSocketOption(fd, level, IPV6_V6ONLY, 1) : 0),
      fd => calls.setSocketOption(fd, level, receiveTtl, 1),
      fd => calls.setSocketOption(fd, level, receiveInfo, 1),
      // As much as bursts need; where it is refused (CAP_NET_ADMIN), the default does for usual numbers of peers.
      fd => Math.max(0, calls.setSocketOption(fd, LEVEL.socket, SO.receiveBufferForce, RECEIVE_BUFFER)),
      fd => calls.bind(fd, address),
    ]),
  );
  return opened.ok ? { ok: true, value: { fd: opened.value, family, multihop } } : opened;
}

const room = new Uint8Array(ROOM);

/** Everything that has arrived, at most one batch. */
export function drain({ fd, family, multihop }: BfdListener): ReceivedDatagram[] {
  const found: ReceivedDatagram[] = [];
  for (let i = 0; i < BATCH; i++) {
    const received = systemCalls().receiveMessage(fd, room, 0);
    if (typeof received === 'number') {
      if (received === EINTR) continue;
      break;
    }
    const arrival: Arrival | undefined = arrivalOf(family, received);
    if (arrival !== undefined) found.push({ ...arrival, multihop, bytes: room.slice(0, received.length) });
  }
  return found;
}
