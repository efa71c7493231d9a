import { fail, type Family, type Ip, ip6, ok, type Prefix, type Result } from '@muslin/net';
import { encodeSocketAddress, SOL } from '../sockets.ts';
import { type SystemFault, systemFault } from '../system-calls.ts';
import { systemCalls } from '../syscalls.ts';

const TCP = { md5: 14, md5Prefix: 32 } as const;
const IP_OPTION = { ttl: 2, minTtl: 21 } as const;
const IPV6_OPTION = { hops: 16, minHops: 73 } as const;
const MD5_BYTES = 216;
const MD5_ADDRESS_ROOM = 128;
const MD5_KEY_LIMIT = 80;
const MD5_PREFIX_FLAG = 1;

/** A key of the TCP MD5 signature option (RFC 2385), for one peer or for all peers of a prefix. */
export interface Md5Key {
  readonly peer: Ip | Prefix;
  /** 1 to 80 bytes of UTF-8 (TCP_MD5SIG_MAXKEYLEN); the empty string removes the key. */
  readonly key: string;
}

/**
 * Sets or removes a key on a socket: before `connect` on a dialler, at any time on a listener (accepted
 * sockets inherit it). Unkeyed peers can still connect. `socketFamily` 6 with an IPv4 peer is a dual-stack
 * listener, which wants the IPv4-mapped address. ENOENT when a key to remove is not there.
 */
export function setMd5Key(fd: number, socketFamily: Family, key: Md5Key): Result<void, SystemFault> {
  const secret = new TextEncoder().encode(key.key);
  if (secret.length > MD5_KEY_LIMIT)
    return fail({
      ...systemFault('setsockopt TCP_MD5SIG', -22),
      message: 'a TCP MD5 key has at most 80 bytes',
    });
  const isPrefix = 'length' in key.peer;
  const ip = 'length' in key.peer ? key.peer.ip : key.peer;
  const mapped = socketFamily === 6 && ip.family === 4;
  const peer = mapped ? ip6(0, 0, 0xffff, ip.bits) : ip;
  // struct tcp_md5sig: sockaddr_storage, flags u8, prefixlen u8, keylen u16, ifindex i32, key[80].
  const bytes = new Uint8Array(MD5_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(encodeSocketAddress({ ip: peer, port: 0 }));
  if ('length' in key.peer) {
    // Of an IPv4-mapped prefix the kernel wants the IPv4 length (0–32).
    bytes[MD5_ADDRESS_ROOM] = MD5_PREFIX_FLAG;
    bytes[MD5_ADDRESS_ROOM + 1] = key.peer.length;
  }
  view.setUint16(MD5_ADDRESS_ROOM + 2, secret.length, true);
  bytes.set(secret, MD5_ADDRESS_ROOM + 8);
  return done(
    'setsockopt TCP_MD5SIG',
    systemCalls().setSocketOption(fd, SOL.tcp, isPrefix ? TCP.md5Prefix : TCP.md5, bytes),
  );
}

/** Sets the time to live (hop limit) of packets that the socket sends, 1–255. */
export function setTtl(fd: number, family: Family, ttl: number): Result<void, SystemFault> {
  const [level, name] = family === 4 ? [SOL.ip, IP_OPTION.ttl] : [SOL.ipv6, IPV6_OPTION.hops];
  return done('setsockopt TTL', systemCalls().setSocketOption(fd, level, name, ttl));
}

/** Drops received packets with a smaller time to live: the receiving half of GTSM (RFC 5082). */
export function setMinimumTtl(fd: number, family: Family, ttl: number): Result<void, SystemFault> {
  const [level, name] = family === 4 ? [SOL.ip, IP_OPTION.minTtl] : [SOL.ipv6, IPV6_OPTION.minHops];
  return done('setsockopt MINTTL', systemCalls().setSocketOption(fd, level, name, ttl));
}

/** The result of a setsockopt call. */
function done(call: string, result: number): Result<void, SystemFault> {
  return result < 0 ? fail(systemFault(call, result)) : ok(undefined);
}
