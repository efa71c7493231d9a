import type { Socket } from 'node:net';
import { SHORT_SEND } from '../system-calls.ts';
import { systemCalls } from '../syscalls.ts';

/** MSG_DONTWAIT | MSG_NOSIGNAL */
const FLAGS = 0x40 | 0x4000;

/**
 * Hands octets to the kernel in this very call where nothing waits before them, past the queue of the socket: after some
 * idle time the machine code of `node:net` alone takes longer to come back into the caches than everything else that one
 * route costs. What the kernel doesn't take, and any fault, is the socket's matter as always.
 *
 * @param fd the socket's descriptor (`socketFd`); asking for it each time would cost as much as the call itself
 */
export function writeNow(socket: Socket, fd: number, bytes: Uint8Array): void {
  // A descriptor that was closed may be another file's by now.
  const waits = socket.destroyed || socket.connecting || socket.writableLength > 0;
  const { length } = bytes;
  let taken = 0;
  if (!waits && length > 0)
    taken =
      length > SHORT_SEND ? systemCalls().send(fd, bytes, FLAGS) : systemCalls().sendShort(fd, bytes, FLAGS);
  if (taken === length) return;
  socket.write(taken > 0 ? bytes.subarray(taken) : bytes);
}
