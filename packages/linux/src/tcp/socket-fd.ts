import type { Socket } from 'node:net';

/** The descriptor of a `node:net` socket; undefined once it is closed. Node has no public name for it. */
export function socketFd(socket: Socket): number | undefined {
  const fd = (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}
