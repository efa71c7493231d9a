import type { Ip, Result } from '@muslin/net';
import { NETLINK, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { WaitingSocket } from '../netlink/waiting-socket.ts';
import { openRouteSocket } from '../rtnetlink/route-socket.ts';
import { AF, bindToLink, encodeSocketAddress, openSocket, SO, SOCK, SOL } from '../sockets.ts';
import type { SystemFault } from '../system-calls.ts';
import { systemCalls } from '../syscalls.ts';
import { inNamespace, type Namespace } from './namespace.ts';

const BACKLOG = 4096;
const IPV6_V6ONLY = 26;

/** A netlink socket of a namespace: rtnetlink, or netfilter (ipset, conntrack). */
export function netlinkIn(
  namespace: Namespace | undefined,
  protocol: keyof typeof NETLINK = 'route',
): Result<NetlinkSocket, SystemFault> {
  return inNamespace(namespace, () =>
    protocol === 'route' ? openRouteSocket() : NetlinkSocket.open(NETLINK[protocol]),
  );
}

/** The same, for requests that take long. */
export function waitingNetlinkIn(
  namespace: Namespace | undefined,
  protocol: keyof typeof NETLINK = 'route',
): Result<WaitingSocket, SystemFault> {
  return inNamespace(namespace, () => WaitingSocket.open(NETLINK[protocol]));
}

/** How to listen. */
export interface ListenOptions {
  /** Default 4096. */
  readonly backlog?: number;
  /** Interface to listen on alone; needed for an IPv6 link-local address. */
  readonly link?: string;
  /** On `::`: take IPv4 too, as mapped addresses. */
  readonly dualStack?: boolean;
  /** Octets that the kernel keeps for a caller that reads slowly; default as many as it likes. */
  readonly sendBuffer?: number;
  /** Called once the socket is bound, before anybody can call: the moment to say who must sign. */
  readonly prepare?: (fd: number) => void;
}

/** A listening TCP socket of a namespace, for `net.Server.listen({ fd })`. Port 0 lets the kernel choose. */
export function tcpListenIn(
  namespace: Namespace | undefined,
  ip: Ip,
  port: number,
  options: ListenOptions = {},
): Result<number, SystemFault> {
  const { backlog = BACKLOG } = options;
  const calls = systemCalls();
  return inNamespace(namespace, () =>
    openSocket(ip.family === 4 ? AF.inet : AF.inet6, SOCK.stream, 0, [
      ...bindSteps(ip, port, options),
      [
        'listen',
        fd => {
          options.prepare?.(fd);
          if (options.sendBuffer !== undefined)
            calls.setSocketOption(fd, SOL.socket, SO.sendBuffer, options.sendBuffer);
          return calls.listen(fd, backlog);
        },
      ],
    ]),
  );
}

/** An unconnected TCP socket of a namespace, for `new net.Socket({ fd }).connect(…)`. */
export function tcpSocketIn(namespace: Namespace | undefined, family: 4 | 6): Result<number, SystemFault> {
  return inNamespace(namespace, () => openSocket(family === 4 ? AF.inet : AF.inet6, SOCK.stream, 0));
}

/** A bound UDP socket of a namespace, for `dgram.createSocket(…).bind({ fd })`. */
export function udpSocketIn(
  namespace: Namespace | undefined,
  ip: Ip,
  port: number,
): Result<number, SystemFault> {
  return inNamespace(namespace, () =>
    openSocket(ip.family === 4 ? AF.inet : AF.inet6, SOCK.dgram, 0, bindSteps(ip, port, {})),
  );
}

const bindSteps = (ip: Ip, port: number, { link, dualStack = false }: ListenOptions) => {
  const calls = systemCalls();
  return [
    ['setsockopt SO_REUSEADDR', (fd: number) => calls.setSocketOption(fd, SOL.socket, SO.reuseAddress, 1)],
    // An IPv6 socket that also took IPv4 would collide with the IPv4 one on the same port.
    [
      'setsockopt IPV6_V6ONLY',
      (fd: number) =>
        ip.family === 4 ? 0 : calls.setSocketOption(fd, SOL.ipv6, IPV6_V6ONLY, dualStack ? 0 : 1),
    ],
    ['setsockopt SO_BINDTODEVICE', (fd: number) => bindToLink(fd, link)],
    ['bind', (fd: number) => calls.bind(fd, encodeSocketAddress({ ip, port }))],
  ] as const;
};
