import type { WireguardPeer, WireguardPeerOp } from '@muslin/dataplane';
import {
  fail,
  ip4,
  type Ip,
  ipFromBytes,
  ipToBytes,
  maskIp,
  ok,
  type Prefix,
  type Result,
} from '@muslin/net';
import { FAMILY } from '../netlink/address-family.ts';
import {
  type Attribute,
  custom,
  ip,
  readFields,
  text,
  u8,
  u16,
  u32,
  writeFields,
} from '../netlink/attribute.ts';
import { eachAttribute, readBe16, readU16 } from '../netlink/message-reader.ts';
import { NLA } from '../netlink/message-writer.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { findFamily, GENERIC_HEADER, genericHeader } from './generic-family.ts';

/** uapi/linux/wireguard.h. */
const WIREGUARD = { name: 'wireguard', version: 1, get: 0, set: 1 } as const;
/** WGPEER_F_*. */
const PEER_FLAGS = { remove: 1, replaceAllowedIps: 2 } as const;
const KEY_BYTES = 32;
/** Peers and addresses of one message: the kernel takes attributes of 64 KiB at most. */
const ADDRESSES_PER_MESSAGE = 500;

const key = (type: number): Attribute<string> =>
  custom(
    type,
    (w, value) => w.bytes(keyBytes(value)),
    bytes => Buffer.from(bytes).toString('base64'),
  );

/** `struct sockaddr_in` or `sockaddr_in6`. */
const endpoint = (type: number): Attribute<{ readonly ip: Ip; readonly port: number }> =>
  custom(
    type,
    (w, value) => {
      w.u16(FAMILY[value.ip.family]).be16(value.port);
      if (value.ip.family === 4) w.bytes(ipToBytes(value.ip)).u32(0).u32(0);
      else w.u32(0).bytes(ipToBytes(value.ip)).u32(0);
    },
    bytes => ({
      port: readBe16(bytes, 2),
      ip: ipFromBytes(readU16(bytes) === FAMILY[4] ? bytes.subarray(4, 8) : bytes.subarray(8, 24)) ?? ip4(0),
    }),
  );

/** WGALLOWEDIP_A_*. */
const ALLOWED_IP = { family: u16(1), ip: ip(2), length: u8(3) } as const;

const listOf = <T>(
  type: number,
  write: Attribute<T>['write'],
  read: (bytes: Uint8Array) => T | undefined,
): Attribute<readonly T[]> =>
  custom(
    type | NLA.nested,
    (w, values) => {
      for (const value of values) w.attribute(0 | NLA.nested, inner => write(inner, value));
    },
    bytes => {
      const found: T[] = [];
      eachAttribute(bytes, 0, (_, item) => {
        const value = read(item);
        if (value !== undefined) found.push(value);
      });
      return found;
    },
  );

const allowedIps = listOf<Prefix>(
  9,
  (w, prefix) =>
    writeFields(w, ALLOWED_IP, { family: FAMILY[prefix.ip.family], ip: prefix.ip, length: prefix.length }),
  bytes => {
    const fields = readFields(ALLOWED_IP, bytes);
    return fields.ip === undefined || fields.length === undefined
      ? undefined
      : { ip: maskIp(fields.ip, fields.length), length: fields.length };
  },
);

/** WGPEER_A_*. */
const PEER = {
  publicKey: key(1),
  flags: u32(3),
  endpoint: endpoint(4),
  keepAlive: u16(5),
  allowedIps,
} as const;

type PeerFields = Parameters<typeof writeFields<typeof PEER>>[2];

const peers = listOf<PeerFields>(
  8,
  (w, fields) => writeFields(w, PEER, fields),
  bytes => readFields(PEER, bytes),
);

/** WGDEVICE_A_*. */
const DEVICE = {
  index: u32(1),
  name: text(2),
  privateKey: key(3),
  publicKey: key(4),
  flags: u32(5),
  port: u16(6),
  mark: u32(7),
  peers,
} as const;

/** A WireGuard device, as read. */
export interface WireguardDevice {
  /** Base64; absent while it has no private key. */
  readonly publicKey?: string;
  readonly port: number;
  /** Mark of encrypted packets; 0 for none. */
  readonly mark: number;
  readonly peers: readonly WireguardPeer[];
}

/** What to change on a device; absent parts stay as they are. */
export interface WireguardChange {
  /** Base64. */
  readonly privateKey?: string;
  readonly port?: number;
  readonly mark?: number;
  readonly peers?: readonly WireguardPeerOp[];
}

/** The request that changes a device (WG_CMD_SET_DEVICE). */
export function setWireguardRequest(family: number, link: string, change: WireguardChange): NetlinkRequest {
  const { peers: ops, ...plain } = change;
  return {
    type: family,
    flags: 0,
    call: () => `configure WireGuard device ${link}`,
    write: w => {
      genericHeader(w, WIREGUARD.set, WIREGUARD.version);
      writeFields(w, DEVICE, {
        name: link,
        ...plain,
        ...(ops === undefined ? {} : { peers: ops.map(fieldsOf) }),
      });
    },
  };
}

function fieldsOf(op: WireguardPeerOp): PeerFields {
  if (op.kind === 'remove') return { publicKey: op.publicKey, flags: PEER_FLAGS.remove };
  return { ...op.peer, flags: PEER_FLAGS.replaceAllowedIps };
}

/** The request for a device (WG_CMD_GET_DEVICE): a dump. */
export function getWireguardRequest(family: number, link: string): NetlinkRequest {
  return {
    type: family,
    flags: 0,
    call: () => `read WireGuard device ${link}`,
    write: w => {
      genericHeader(w, WIREGUARD.get, WIREGUARD.version);
      writeFields(w, DEVICE, { name: link });
    },
  };
}

/** One message of the answer; a peer with many addresses goes on in the next, under the same key. */
export function decodeWireguard(payload: Uint8Array): WireguardDevice {
  const { publicKey, port = 0, mark = 0, peers: found = [] } = readFields(DEVICE, payload, GENERIC_HEADER);
  return {
    ...(publicKey === undefined ? {} : { publicKey }),
    port,
    mark,
    peers: found.map(peer => ({
      publicKey: peer.publicKey ?? '',
      endpoint: peer.endpoint ?? { ip: ip4(0), port: 0 },
      allowedIps: peer.allowedIps ?? [],
      keepAlive: peer.keepAlive ?? 0,
    })),
  };
}

/** Joins the messages of one answer. */
export function joinWireguard(parts: readonly WireguardDevice[]): WireguardDevice | undefined {
  const [first] = parts;
  if (first === undefined) return undefined;
  const byKey = new Map<string, WireguardPeer>();
  for (const peer of parts.flatMap(part => part.peers)) {
    const known = byKey.get(peer.publicKey);
    byKey.set(
      peer.publicKey,
      known === undefined ? peer : { ...known, allowedIps: [...known.allowedIps, ...peer.allowedIps] },
    );
  }
  return { ...first, peers: [...byKey.values()] };
}

/** WireGuard devices, by generic netlink. */
export class WireguardDriver {
  readonly #socket: NetlinkSocket;
  readonly #family: number;

  private constructor(socket: NetlinkSocket, family: number) {
    this.#socket = socket;
    this.#family = family;
  }

  /** The socket is a generic one. A kernel without WireGuard is refused in plain words. */
  static of(socket: NetlinkSocket): Result<WireguardDriver, NetlinkFault> {
    const family = findFamily(socket, WIREGUARD.name);
    if (family.ok) return ok(new WireguardDriver(socket, family.value));
    if (family.fault.code !== 'ENOENT') return family;
    return fail({
      ...family.fault,
      message: "this kernel has no WireGuard: load the module 'wireguard' (Linux 5.6), or disable WireGuard",
    });
  }

  read(link: string): Result<WireguardDevice | undefined, NetlinkFault> {
    const parts = this.#socket.dump(getWireguardRequest(this.#family, link), message =>
      message.type === this.#family ? decodeWireguard(message.payload) : undefined,
    );
    return parts.ok ? ok(joinWireguard(parts.value)) : parts;
  }

  /** In several messages where there are many addresses; the first that is refused ends it. */
  change(link: string, change: WireguardChange): Result<void, NetlinkFault> {
    for (const part of partsOf(change)) {
      const done = this.#socket.ask(setWireguardRequest(this.#family, link, part));
      if (!done.ok) return done;
    }
    return ok(undefined);
  }
}

/** A change in pieces of a size that the kernel takes. */
export function partsOf({ peers: ops = [], ...plain }: WireguardChange): readonly WireguardChange[] {
  const parts: WireguardPeerOp[][] = [[]];
  let size = 0;
  for (const op of ops) {
    const addresses = op.kind === 'put' ? op.peer.allowedIps.length + 1 : 1;
    if (size > 0 && size + addresses > ADDRESSES_PER_MESSAGE) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)?.push(op);
    size += addresses;
  }
  return parts.map((some, i) => ({
    ...(i === 0 ? plain : {}),
    ...(some.length === 0 ? {} : { peers: some }),
  }));
}

/** Throws on what is no key: keys were checked where they were read. */
function keyBytes(value: string): Uint8Array {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length !== KEY_BYTES) throw new Error('a WireGuard key has 32 bytes');
  return new Uint8Array(bytes);
}
