import type { Socket } from 'node:net';
import type { ConnectionId, ConnectionWitness, Input, Output, Transport } from '@muslin/bgp';
import {
  findLink,
  type Hear,
  hearNow,
  limitHops,
  type NetlinkSocket,
  setMd5Key,
  socketFd,
  TcpTransport,
  writeNow,
} from '@muslin/linux';
import { formatIp, formatPrefix, type Ip, parseIp, type Prefix, prefixHas } from '@muslin/net';
import { ConnectionLosses } from './connection-losses.ts';
import { reachFailure } from './core/reach-failure.ts';
import { Listeners } from './listeners.ts';

/** What the connections need. */
export interface ConnectionsOptions {
  readonly netlink: NetlinkSocket;
  /** Hands an input to the speaker. */
  readonly feed: (input: Input) => void;
  /** How the session with a caller is to be protected; undefined for strangers. */
  readonly transportOf: (remoteIp: Ip, interfaceName: string | undefined) => Transport | undefined;
  readonly log: (line: string) => void;
  /** See `ListenersOptions`. */
  readonly sendBuffer?: number;
}

/** KeyIDs of the one TCP-AO key of a session (RFC 5925 §3.1): both sides say the same. */
export const AO_IDS = { sendId: 1, receiveId: 1 } as const;

/** A password and the peer that it is for. */
export interface PeerKey {
  /** A prefix: all that call from there. */
  readonly peer: Ip | Prefix;
  readonly key: string;
  /** Default `md5`. */
  readonly auth?: Transport['auth'];
}

interface Link {
  readonly socket: Socket;
  /** Its descriptor, once it is connected. */
  fd: number | undefined;
  readonly remote: string;
}

const MAX_TTL = 255;
/** How long a peer may take to read the last words and close. */
const PARTING_MS = 5000;
const PARTING_STEP_MS = 20;
/** Octets after which a peer waits until all others were read, too: libuv alone would read two megabytes of each. */
const READ_TURN = 1 << 16;

/** TCP connections of the speaker, by the names that it knows them by. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #transport = new TcpTransport();
  readonly #links = new Map<ConnectionId, Link>();
  /** By address. */
  readonly #keys = new Map<string, PeerKey>();
  readonly #parting = new Set<Socket>();
  readonly #losses = new ConnectionLosses();
  readonly listeners: Listeners;
  #accepted = 0;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.listeners = new Listeners({
      transport: this.#transport,
      onSocket: socket => this.#accept(socket),
      keys: () => this.#keys.values(),
      log: options.log,
      ...(options.sendBuffer === undefined ? {} : { sendBuffer: options.sendBuffer }),
    });
  }

  /**
   * Says which peers sign their segments (RFC 2385). A password that changed goes onto running connections, too, so
   * that a session survives when the peer changes it within the hold time.
   */
  setKeys(keys: readonly PeerKey[]): void {
    const wanted = new Map(keys.map(key => [whomText(key.peer), key]));
    for (const name of [...this.#keys.keys()]) {
      if (wanted.has(name)) continue;
      this.#forget(name);
    }
    const changed: PeerKey[] = [];
    for (const [name, key] of wanted) {
      const before = this.#keys.get(name);
      if (before?.key === key.key && before.auth === key.auth) continue;
      // A TCP-AO key, or another way to sign, can't go onto sessions that are up: they begin anew.
      const renewed = key.auth === 'tcp-ao' || before?.auth === 'tcp-ao';
      if (before !== undefined && renewed) this.#forget(name);
      this.#keys.set(name, key);
      if (!this.#isCovered(key)) changed.push(key);
      // Without a key before: who came in unsigned may not stay.
      this.#rekey(name, key, renewed);
    }
    if (changed.length > 0) this.listeners.rekey(changed);
  }

  /** Whether those who call from a range that this key's peer is in must sign with it anyway. */
  #isCovered({ peer, key, auth }: PeerKey): boolean {
    const covers = (wide: PeerKey) =>
      'length' in wide.peer && !('length' in peer) && prefixHas(wide.peer, peer);
    return [...this.#keys.values()].some(wide => covers(wide) && wide.key === key && wide.auth === auth);
  }

  #forget(name: string): void {
    const key = this.#keys.get(name);
    this.#keys.delete(name);
    if (key !== undefined) this.listeners.removeKey(key);
  }

  dial(output: Output & { readonly kind: 'dial' }): void {
    const { connection, remoteIp, port, transport } = output;
    const { source, passwordKey, auth, ttlSecurityHops, multihopTtl } = transport;
    const scope = transport.interface === undefined ? undefined : this.#indexOf(transport.interface);
    const key = this.#keys.get(formatIp(remoteIp))?.key;
    const refuse = (message: string): void => {
      const failure = reachFailure(message);
      setImmediate(() => this.#options.feed({ kind: 'connectFailed', connection, message, failure }));
    };
    if (passwordKey !== undefined && key === undefined) {
      refuse(`the password in Secret ${passwordKey} is not known: no session without it`);
      return;
    }
    const plan = {
      peer: remoteIp,
      port,
      ...(source === undefined ? {} : { source }),
      ...(scope === undefined ? {} : { scope }),
      ...(passwordKey === undefined || key === undefined
        ? {}
        : auth === 'tcp-ao'
          ? { ao: { key, ...AO_IDS } }
          : { md5: key }),
      ...(ttlSecurityHops === undefined
        ? { ttl: multihopTtl ?? MAX_TTL }
        : { ttl: MAX_TTL, minimumTtl: MAX_TTL + 1 - ttlSecurityHops }),
    };
    const made = this.#transport.dial(plan, this.#hearer(connection));
    if (!made.ok) {
      refuse(made.fault.message);
      return;
    }
    const socket = made.value;
    const link: Link = { socket, fd: undefined, remote: formatIp(remoteIp) };
    this.#links.set(connection, link);
    let connected = false;
    socket.on('connect', () => {
      connected = true;
      link.fd = socketFd(socket);
      const localIp = addressOf(socket.localAddress);
      if (localIp === undefined) socket.destroy();
      else if (this.#links.get(connection)?.socket === socket) {
        this.#losses.reached(formatIp(remoteIp));
        this.#options.feed({ kind: 'connected', connection, localIp });
      }
    });
    this.#attend(connection, socket, message =>
      connected
        ? { kind: 'closed', connection, message }
        : {
            ...{ kind: 'connectFailed', connection, failure: reachFailure(message) },
            message: dialWords(message, passwordKey !== undefined),
          },
    );
  }

  send(connection: ConnectionId, bytes: Uint8Array): void {
    const link = this.#links.get(connection);
    if (link?.fd !== undefined) writeNow(link.socket, link.fd, bytes);
  }

  /** Flushes and closes. */
  close(connection: ConnectionId): void {
    const socket = this.#links.get(connection)?.socket;
    if (socket === undefined) return;
    this.#note(connection);
    this.#links.delete(connection);
    if (socket.connecting) socket.destroy();
    else {
      this.#parting.add(socket);
      socket.end();
      const patience = setTimeout(() => socket.destroy(), PARTING_MS);
      patience.unref();
      socket.once('close', () => {
        clearTimeout(patience);
        this.#parting.delete(socket);
      });
    }
  }

  /**
   * Resolves when the other ends of all connections that were closed have closed, too: then they have read all that was
   * sent. Gives how many did not within the time that closing takes at most.
   */
  async parted(): Promise<number> {
    const end = performance.now() + PARTING_MS - PARTING_STEP_MS;
    while (this.#parting.size > 0 && performance.now() < end)
      await new Promise(resolve => setTimeout(resolve, PARTING_STEP_MS));
    return this.#parting.size;
  }

  /** Octets that the kernel has not taken yet. */
  backlog(connection: ConnectionId): number | undefined {
    return this.#links.get(connection)?.socket.writableLength;
  }

  /** What the kernel did lately with the segments of connections with this peer. */
  losses(remoteIp: Ip): ConnectionWitness {
    const remote = formatIp(remoteIp);
    const fds = [...this.#links.values()].flatMap(link =>
      link.remote === remote ? (socketFd(link.socket) ?? []) : [],
    );
    return this.#losses.lately(remote, fds, performance.now());
  }

  #note(connection: ConnectionId): void {
    const link = this.#links.get(connection);
    if (link !== undefined) this.#losses.note(link.remote, socketFd(link.socket), performance.now());
  }

  async stop(): Promise<void> {
    for (const { socket } of this.#links.values()) socket.destroy();
    await this.listeners.stop();
  }

  #accept(accepted: Socket): void {
    const connection = `in-${++this.#accepted}`;
    const made = hearNow(accepted, this.#hearer(connection));
    if (!made.ok) {
      accepted.destroy();
      return;
    }
    const socket = made.value;
    const [localIp, remoteIp] = [addressOf(socket.localAddress), addressOf(socket.remoteAddress)];
    if (localIp === undefined || remoteIp === undefined) {
      socket.destroy();
      return;
    }
    const zone = socket.remoteAddress?.split('%')[1];
    const transport = this.#options.transportOf(remoteIp, zone);
    const hops = transport?.ttlSecurityHops;
    const limited = limitHops(socket, {
      ttl: MAX_TTL,
      ...(hops === undefined ? {} : { minimumTtl: MAX_TTL + 1 - hops }),
    });
    // A session that was to be guarded (RFC 2385, RFC 5082, RFC 5925) and can't be is none.
    const unsigned = transport?.passwordKey !== undefined && !this.listeners.signs(remoteIp);
    if (unsigned || (!limited.ok && hops !== undefined)) {
      socket.destroy();
      return;
    }
    this.#links.set(connection, { socket, fd: socketFd(socket), remote: formatIp(remoteIp) });
    this.#losses.reached(formatIp(remoteIp));
    this.#attend(connection, socket, message => ({ kind: 'closed', connection, message }));
    this.#options.feed({
      ...{ kind: 'accepted', connection, localIp, remoteIp },
      ...(zone === undefined ? {} : { interface: zone }),
    });
  }

  #attend(connection: ConnectionId, socket: Socket, gone: (message: string) => Input): void {
    const mine = () => this.#links.get(connection)?.socket === socket;
    let why = 'the peer closed the connection';
    socket.on('error', error => {
      why = error.message;
    });
    socket.on('close', () => {
      if (!mine()) return;
      this.#links.delete(connection);
      this.#options.feed(gone(why));
    });
    socket.on('end', () => socket.destroy());
    socket.on('drain', () => {
      if (mine()) this.#options.feed({ kind: 'backlog', connection, bytes: socket.writableLength });
    });
  }

  /** Takes what a connection reads. */
  #hearer(connection: ConnectionId): Hear {
    return bytes => {
      const link = this.#links.get(connection);
      if (link === undefined) return;
      this.#options.feed({ kind: 'bytes', connection, bytes });
      if (bytes.length >= READ_TURN) takeTurns(link.socket);
    };
  }

  #rekey(name: string, key: PeerKey, renewed: boolean): void {
    for (const { socket, remote } of this.#links.values()) {
      const fd = remote === name || covers(key.peer, remote) ? socketFd(socket) : undefined;
      if (fd === undefined) continue;
      if (renewed) {
        socket.destroy();
        continue;
      }
      const done = setMd5Key(fd, familyOf(key.peer), key);
      // Whatever the kernel's reason, the old password must not go on.
      if (!done.ok) socket.destroy();
    }
  }

  #indexOf(name: string): number | undefined {
    const found = findLink(this.#options.netlink, name);
    return found.ok ? found.value?.index : undefined;
  }
}

/** A peer that has much to say is read once in a turn of the loop. */
function takeTurns(socket: Socket): void {
  setImmediate(() => socket.resume());
  socket.pause();
}

/** Whom a key is for, as text. */
export function whomText(peer: Ip | Prefix): string {
  return 'length' in peer ? formatPrefix(peer) : formatIp(peer);
}

/** Family of an address or a prefix. */
export function familyOf(peer: Ip | Prefix): 4 | 6 {
  return 'length' in peer ? peer.ip.family : peer.family;
}

function covers(peer: Ip | Prefix, remote: string): boolean {
  const ip = parseIp(remote);
  return 'length' in peer && ip.ok && prefixHas(peer, ip.value);
}

/** A wrong password shows as silence, so the one symptom is a time-out: say what it may mean. */
function dialWords(message: string, signed: boolean): string {
  return signed && message.includes('ETIMEDOUT')
    ? `${message}: nothing answers, or the peer has another TCP-MD5 or TCP-AO password`
    : message;
}

/** Node shows IPv4 callers of an IPv6 socket as mapped addresses, and link-local ones with a zone. */
function addressOf(text: string | undefined): Ip | undefined {
  const parsed = parseIp((text ?? '').replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, ''));
  return parsed.ok ? parsed.value : undefined;
}
