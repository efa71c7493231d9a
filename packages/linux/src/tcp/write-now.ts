import type { Socket } from 'node:net';
import { systemCalls } from '../syscalls.ts';
import { socketFd } from './tcp-transport.ts';

/** MSG_DONTWAIT | MSG_NOSIGNAL */
const FLAGS = 0x40 | 0x4000;

/**
 * Hands octets to the kernel in this very call where nothing waits before them, past the queue of the socket: after some
 * idle time the machine code of `node:net` alone takes longer to come back into the caches than everything else that one
 * route costs. What the kernel doesn't take, and any fault, is the socket's matter as always.
 */
export function writeNow(socket: Socket, bytes: Uint8Array): void {
  const fd =
    socket.writableLength > 0 || socket.connecting || !socket.writable ? undefined : socketFd(socket);
  const taken = fd === undefined || bytes.length === 0 ? 0 : systemCalls().send(fd, bytes, FLAGS);
  if (taken === bytes.length) return;
  socket.write(taken > 0 ? bytes.subarray(taken) : bytes);
}
