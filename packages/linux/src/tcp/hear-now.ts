import { type OnReadOpts, Socket } from 'node:net';
import { fail, ok, type Result } from '@muslin/net';
import { type SystemFault, systemFault } from '../system-calls.ts';
import { systemCalls } from '../syscalls.ts';
import { socketFd } from './socket-fd.ts';

/** Takes what was read. The octets are overwritten by the next read of any socket: what is kept is copied. */
export type Hear = (bytes: Uint8Array) => void;

/** As much as libuv reads at once of a socket. */
const OCTETS = 1 << 16;
/** Lengths whose view of the room is kept: those of single messages. */
const KEPT = 512;
/** One for all sockets, since whatever is read is dealt with before the next read. */
const room = new Uint8Array(OCTETS);
const views: Uint8Array[] = [];

/** How a `node:net` socket reads into the one room, without chunks, events and garbage on the way. */
export function hearing(hear: Hear): OnReadOpts {
  return {
    buffer: room,
    callback: octets => {
      hear(viewOf(octets));
      return true;
    },
  };
}

/**
 * Goes on with an accepted connection on a socket that hears at once; the given one is done with. Node makes accepted
 * sockets itself, and only whoever makes a socket can say how it reads.
 */
export function hearNow(accepted: Socket, hear: Hear): Result<Socket, SystemFault> {
  const fd = socketFd(accepted);
  const copy = fd === undefined ? -EBADF : systemCalls().duplicate(fd);
  if (copy >= 0) accepted.destroy();
  return copy < 0
    ? fail(systemFault('fcntl F_DUPFD_CLOEXEC', copy))
    : ok(new Socket({ fd: copy, onread: hearing(hear) }));
}

const EBADF = 9;

function viewOf(octets: number): Uint8Array {
  if (octets > KEPT) return room.subarray(0, octets);
  let view = views[octets];
  if (view === undefined) {
    view = room.subarray(0, octets);
    views[octets] = view;
  }
  return view;
}
