import { type SystemFault, systemCalls } from '@muslin/linux';
import { fail, mustIp, ok, type Result } from '@muslin/net';
import { AF, LEVEL, SO, SOCK, socketAddress } from './bfd/datagram.ts';

const SOCK_RAW = 3;
const ICMPV6 = 58;
const MULTICAST_HOPS = 18;
const MULTICAST_LOOP = 19;
const ALL_NODES = mustIp('ff02::1');
const HOP_LIMIT = 255;
const DONT_WAIT = 0x40;

/**
 * A Router Advertisement (RFC 4861 §4.2) that says “there is a router here” and nothing else: lifetime 0 makes nobody
 * take it for a way out. `mac` as `02:00:…`. The kernel fills the checksum in.
 */
export function routerAdvertisement(mac: string | undefined): Uint8Array {
  const address = mac?.split(':').map(part => Number.parseInt(part, 16)) ?? [];
  const bytes = new Uint8Array(address.length === 6 ? 24 : 16);
  bytes[0] = 134;
  // Source Link-Layer Address (RFC 4861 §4.6.1): without it no neighbour entry is made of what is heard.
  if (address.length === 6) bytes.set([1, 1, ...address], 16);
  return bytes;
}

/** Sends one advertisement out of an interface, from its link-local address. */
export function advertiseRouter(interfaceName: string, mac: string | undefined): Result<void, SystemFault> {
  const calls = systemCalls();
  const name = new TextEncoder().encode(`${interfaceName}\0`);
  const fd = calls.socket(AF[6], SOCK_RAW | SOCK.closeOnExec | SOCK.nonBlocking, ICMPV6);
  const steps = [
    () => fd,
    () => calls.setSocketOption(fd, LEVEL.socket, SO.bindToDevice, name),
    () => calls.setSocketOption(fd, LEVEL.ipv6, MULTICAST_HOPS, HOP_LIMIT),
    () => calls.setSocketOption(fd, LEVEL.ipv6, MULTICAST_LOOP, 0),
    () => calls.sendTo(fd, routerAdvertisement(mac), DONT_WAIT, socketAddress(ALL_NODES, 0)),
  ];
  let result = 0;
  for (const step of steps) {
    result = step();
    if (result < 0) break;
  }
  if (fd >= 0) calls.close(fd);
  if (result >= 0) return ok(undefined);
  const message = `can't send a router advertisement on ${interfaceName}: errno ${-result}`;
  return fail({ code: `E${-result}`, errno: -result, call: 'send', message });
}
