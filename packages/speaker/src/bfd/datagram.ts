import { type Family, type Ip, ipFromBytes, ipToBytes } from '@muslin/net';
import type { SystemCalls } from '@muslin/linux';

/** Numbers of Linux on x86-64 and arm64 (they agree): ip(7), ipv6(7), socket(7). */
export const LEVEL = { ip: 0, socket: 1, ipv6: 41 } as const;
export const AF = { 4: 2, 6: 10 } as const;
export const SOCK = { datagram: 2, nonBlocking: 0o4000, closeOnExec: 0o2000000 } as const;
export const SO = { bindToDevice: 25, receiveBufferForce: 33 } as const;
/** Per family: options, and the types of the ancillary messages that they ask for. */
export const OPTION = {
  4: {
    level: LEVEL.ip,
    ttl: 2,
    trafficClass: 1,
    receiveTtl: 12,
    receiveInfo: 8,
    ttlMessage: 2,
    infoMessage: 8,
  },
  6: {
    level: LEVEL.ipv6,
    ttl: 16,
    trafficClass: 67,
    receiveTtl: 51,
    receiveInfo: 49,
    ttlMessage: 52,
    infoMessage: 50,
  },
} as const;
export const IPV6_V6ONLY = 26;

/** struct sockaddr_in or sockaddr_in6, without a scope: link-local sockets are bound to their interface. */
export function socketAddress(ip: Ip, port: number): Uint8Array {
  const bytes = new Uint8Array(ip.family === 4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF[ip.family], true);
  view.setUint16(2, port);
  bytes.set(ipToBytes(ip), ip.family === 4 ? 4 : 8);
  return bytes;
}

/** Where a datagram came from and how. */
export interface Arrival {
  readonly from: Ip;
  readonly to: Ip;
  readonly linkIndex: number;
  readonly ttl: number;
}

type Received = Exclude<ReturnType<SystemCalls['receiveMessage']>, number>;

/** Reads sender and ancillary messages (IP_TTL, IP_PKTINFO or their IPv6 kin); undefined when the kernel left one out. */
export function arrivalOf(family: Family, { sender, control }: Received): Arrival | undefined {
  const { level, ttlMessage, infoMessage } = OPTION[family];
  const find = (type: number) =>
    control.find(message => message.level === level && message.type === type)?.data;
  const ttl = find(ttlMessage);
  const info = find(infoMessage);
  const from = ipFromBytes(family === 4 ? sender.subarray(4, 8) : sender.subarray(8, 24));
  if (ttl === undefined || ttl.length < 4 || info === undefined || from === undefined) return undefined;
  // struct in_pktinfo: index, local address, destination. struct in6_pktinfo: destination, index.
  const to = ipFromBytes(family === 4 ? info.subarray(8, 12) : info.subarray(0, 16));
  if (to === undefined || info.length < (family === 4 ? 12 : 20)) return undefined;
  const linkIndex = new DataView(info.buffer, info.byteOffset).getUint32(family === 4 ? 0 : 16, true);
  return { from, to, linkIndex, ttl: new DataView(ttl.buffer, ttl.byteOffset).getInt32(0, true) };
}
