import { ok, type Result } from '@muslin/net';
import { NETLINK, NetlinkSocket } from '../netlink/netlink-socket.ts';
import type { SystemFault } from '../system-calls.ts';

/** Opens a socket for links, addresses, routes, neighbours and rules, in the current network namespace. */
export function openRouteSocket(): Result<NetlinkSocket, SystemFault> {
  const socket = NetlinkSocket.open(NETLINK.route, { strict: true });
  return socket.ok ? ok(socket.value) : socket;
}
