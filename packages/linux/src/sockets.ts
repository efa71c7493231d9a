import { fail, type Ip, ipToBytes, ok, type Result } from '@muslin/net';
import { type SystemFault, systemFault } from './system-calls.ts';
import { systemCalls } from './syscalls.ts';

/** Socket constants of Linux on x86-64 and arm64 (they agree). */
export const AF = { inet: 2, inet6: 10, netlink: 16 } as const;
export const SOCK = { stream: 1, dgram: 2, raw: 3, nonBlocking: 0o4000, closeOnExec: 0o2000000 } as const;
export const SOL = { ip: 0, socket: 1, tcp: 6, ipv6: 41, netlink: 270 } as const;
export const SO = {
  reuseAddress: 2,
  sendBuffer: 7,
  receiveTimeout: 20,
  bindToDevice: 25,
  receiveBufferForce: 33,
  sendBufferForce: 32,
  memoryInfo: 55,
} as const;

/** Where a socket is bound to. A link-local address goes with a socket that is bound to its link. */
export interface SocketAddress {
  readonly ip: Ip;
  /** 0 lets the kernel choose. */
  readonly port: number;
}

/** struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes). */
export function encodeSocketAddress(address: SocketAddress): Uint8Array {
  const v4 = address.ip.family === 4;
  const bytes = new Uint8Array(v4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, v4 ? AF.inet : AF.inet6, true);
  view.setUint16(2, address.port);
  bytes.set(ipToBytes(address.ip), v4 ? 4 : 8);
  return bytes;
}

/** One step of making a socket: its call and its result (negative = negated errno). */
export type SocketStep = readonly [call: string, run: (fd: number) => number];

/** Makes a socket and runs the steps on it; closes it and says which step failed when one does. */
export function openSocket(
  domain: number,
  type: number,
  protocol: number,
  steps: readonly SocketStep[] = [],
): Result<number, SystemFault> {
  const calls = systemCalls();
  const fd = calls.socket(domain, type | SOCK.closeOnExec, protocol);
  if (fd < 0) return fail(systemFault('socket', fd));
  for (const [call, run] of steps) {
    const result = run(fd);
    if (result < 0) {
      calls.close(fd);
      return fail(systemFault(call, result));
    }
  }
  return ok(fd);
}

/** Binds a socket to an interface by name (SO_BINDTODEVICE), as IPv6 link-local addresses need; absent: does nothing. */
export function bindToLink(fd: number, link: string | undefined): number {
  if (link === undefined) return 0;
  return systemCalls().setSocketOption(
    fd,
    SOL.socket,
    SO.bindToDevice,
    new TextEncoder().encode(`${link}\0`),
  );
}
