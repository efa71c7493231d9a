import { systemCalls } from '@muslin/linux';

const AF_INET6 = 10;
const RAW_CLOSE_ON_EXEC = 3 | 0o2000000;
const ICMPV6 = 58;
const SOL_SOCKET = 1;
const SOL_IPV6 = 41;
const SO_BINDTODEVICE = 25;
const IPV6_MULTICAST_HOPS = 18;
const EVERY_MS = 1000;

/** ff02::1, all nodes of the link, as struct sockaddr_in6. */
const ALL_NODES = Uint8Array.from([
  AF_INET6,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0xff,
  2,
  ...new Array(13).fill(0),
  1,
  0,
  0,
  0,
  0,
]);
/** Type 134, hop limit 64, a router for 30 minutes; the kernel writes the checksum (RFC 4861 §4.2, RFC 3542 §3.1). */
const ADVERTISEMENT = Uint8Array.from([134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Tells an unnumbered peer our link-local address, once a second (RFC 4861 §6.2), until the process ends. */
export function advertiseRouter(link: string): void {
  const calls = systemCalls();
  const fd = calls.socket(AF_INET6, RAW_CLOSE_ON_EXEC, ICMPV6);
  const bound = calls.setSocketOption(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${link}\0`));
  // Receivers drop what came over another hop.
  const limited = calls.setSocketOption(fd, SOL_IPV6, IPV6_MULTICAST_HOPS, 255);
  if (fd < 0 || bound < 0 || limited < 0)
    throw new Error(`router advertisements: errno ${-Math.min(fd, bound, limited)}`);
  const send = () => calls.sendTo(fd, ADVERTISEMENT, 0, ALL_NODES);
  send();
  setInterval(send, EVERY_MS).unref();
}
