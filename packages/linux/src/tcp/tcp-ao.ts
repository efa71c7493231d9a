import { fail, type Ip, ok, type Prefix, type Result } from '@muslin/net';
import { encodeSocketAddress, SOL } from '../sockets.ts';
import { type SystemFault, systemFault } from '../system-calls.ts';
import { systemCalls } from '../syscalls.ts';

const TCP_AO_ADD_KEY = 38;
const TCP_AO_DELETE_KEY = 39;
const ENOPROTOOPT = -92;
const KEY_LIMIT = 80;
const MAC_BYTES = 12;
/** Offsets in struct tcp_ao_add (uapi/linux/tcp.h). */
const FIELD = {
  algorithm: 128,
  flags: 196,
  prefix: 202,
  sendId: 203,
  receiveId: 204,
  macLength: 205,
  keyLength: 207,
  key: 208,
} as const;
const BYTES = 288;

/** A master key tuple of the TCP authentication option (RFC 5925 §3.1). */
export interface AoKey {
  /** A prefix: all peers in it. */
  readonly peer: Ip | Prefix;
  /** 1 to 80 bytes of UTF-8. */
  readonly key: string;
  /** KeyIDs in sent and received segments, 0–255. */
  readonly sendId: number;
  readonly receiveId: number;
  /** RFC 5926: HMAC-SHA-1-96 or AES-128-CMAC-96. */
  readonly algorithm?: 'hmac(sha1)' | 'cmac(aes128)';
}

function wholeOf(peer: Ip | Prefix): Pick<Prefix, 'ip' | 'length'> {
  return 'length' in peer ? peer : { ip: peer, length: peer.family === 4 ? 32 : 128 };
}

/** Offsets in struct tcp_ao_del (uapi/linux/tcp.h). */
const DELETED = { prefix: 138, sendId: 139, receiveId: 140 } as const;
const DELETED_BYTES = 144;

/** Takes a TCP-AO key off a listening socket; ENOENT when it is not there. */
export function deleteAoKey(fd: number, key: Omit<AoKey, 'key' | 'algorithm'>): Result<void, SystemFault> {
  const bytes = new Uint8Array(DELETED_BYTES);
  const { ip, length } = wholeOf(key.peer);
  bytes.set(encodeSocketAddress({ ip, port: 0 }));
  bytes[DELETED.prefix] = length;
  bytes[DELETED.sendId] = key.sendId;
  bytes[DELETED.receiveId] = key.receiveId;
  const answer = systemCalls().setSocketOption(fd, SOL.tcp, TCP_AO_DELETE_KEY, bytes);
  return answer >= 0 ? ok(undefined) : fail(systemFault('setsockopt TCP_AO_DEL_KEY', answer));
}

/** Adds a TCP-AO key to a socket. A kernel without it (before 6.7, or built without CONFIG_TCP_AO) is a clear fault. */
export function addAoKey(fd: number, key: AoKey): Result<void, SystemFault> {
  const secret = new TextEncoder().encode(key.key);
  const call = 'setsockopt TCP_AO_ADD_KEY';
  if (secret.length === 0 || secret.length > KEY_LIMIT)
    return fail({ ...systemFault(call, -22), message: 'a TCP-AO key has 1 to 80 bytes' });
  const bytes = new Uint8Array(BYTES);
  const { ip, length } = wholeOf(key.peer);
  bytes.set(encodeSocketAddress({ ip, port: 0 }));
  bytes.set(new TextEncoder().encode(key.algorithm ?? 'hmac(sha1)'), FIELD.algorithm);
  // set_current | set_rnext: the first key is used at once in both directions.
  bytes[FIELD.flags] = 3;
  bytes[FIELD.prefix] = length;
  bytes[FIELD.sendId] = key.sendId;
  bytes[FIELD.receiveId] = key.receiveId;
  bytes[FIELD.macLength] = MAC_BYTES;
  bytes[FIELD.keyLength] = secret.length;
  bytes.set(secret, FIELD.key);
  const answer = systemCalls().setSocketOption(fd, SOL.tcp, TCP_AO_ADD_KEY, bytes);
  if (answer >= 0) return ok(undefined);
  const fault = systemFault(call, answer);
  if (answer !== ENOPROTOOPT) return fail(fault);
  return fail({
    ...fault,
    message: `this kernel has no TCP authentication option (RFC 5925), which needs Linux 6.7 with CONFIG_TCP_AO: use a TCP MD5 password, or another kernel (${fault.code})`,
  });
}
