import type { Socket } from 'node:net';
import type { ConnectionId, Input, Output } from '@muslin/bgp';
import { findLink, limitHops, type NetlinkSocket, type TcpListener, TcpTransport } from '@muslin/linux';
import { parseIp, type Ip } from '@muslin/net';

/** What the connections need. */
export interface ConnectionsOptions {
  readonly netlink: NetlinkSocket;
  /** Hands an input to the speaker. */
  readonly feed: (input: Input) => void;
  /** The key of a session, when it has one. */
  readonly passwordOf: (key: string) => string | undefined;
  readonly log: (line: string) => void;
}

const MAX_TTL = 255;

/** TCP connections of the speaker, by the names that it knows them by. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #transport = new TcpTransport();
  readonly #sockets = new Map<ConnectionId, Socket>();
  readonly #listeners: TcpListener[] = [];
  #accepted = 0;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Listens on both families; a family that the kernel lacks is left out with a word in the log. */
  async listen(ips: readonly Ip[], port: number): Promise<void> {
    for (const ip of ips) {
      const made = await this.#transport.listen(ip, port, socket => this.#accept(socket));
      if (made.ok) this.#listeners.push(made.value);
      else this.#options.log(`can't listen on port ${port}: ${made.fault.message}`);
    }
    if (this.#listeners.length === 0)
      throw new Error(`no BGP listener on port ${port}: is another speaker running?`);
  }

  dial(output: Output & { readonly kind: 'dial' }): void {
    const { connection, remoteIp, port, transport } = output;
    const { source, passwordKey, ttlSecurityHops, multihopTtl } = transport;
    const scope = transport.interface === undefined ? undefined : this.#indexOf(transport.interface);
    const md5 = passwordKey === undefined ? undefined : this.#options.passwordOf(passwordKey);
    const refuse = (message: string): void => {
      setImmediate(() => this.#options.feed({ kind: 'connectFailed', connection, message }));
    };
    if (passwordKey !== undefined && md5 === undefined) {
      refuse(`the password ${passwordKey} is not there`);
      return;
    }
    const made = this.#transport.dial({
      peer: remoteIp,
      port,
      ...(source === undefined ? {} : { source }),
      ...(scope === undefined ? {} : { scope }),
      ...(md5 === undefined ? {} : { md5 }),
      ...(ttlSecurityHops === undefined
        ? { ttl: multihopTtl ?? MAX_TTL }
        : { ttl: MAX_TTL, minimumTtl: MAX_TTL + 1 - ttlSecurityHops }),
    });
    if (!made.ok) {
      refuse(made.fault.message);
      return;
    }
    const socket = made.value;
    this.#sockets.set(connection, socket);
    let connected = false;
    socket.on('connect', () => {
      connected = true;
      const localIp = addressOf(socket.localAddress);
      if (localIp === undefined) socket.destroy();
      else this.#options.feed({ kind: 'connected', connection, localIp });
    });
    this.#attend(connection, socket, message =>
      connected ? { kind: 'closed', connection, message } : { kind: 'connectFailed', connection, message },
    );
  }

  send(connection: ConnectionId, bytes: Uint8Array): void {
    this.#sockets.get(connection)?.write(bytes);
  }

  /** Flushes and closes. */
  close(connection: ConnectionId): void {
    const socket = this.#sockets.get(connection);
    if (socket === undefined) return;
    this.#sockets.delete(connection);
    if (socket.connecting) socket.destroy();
    else {
      socket.end();
      setTimeout(() => socket.destroy(), 2000).unref();
    }
  }

  /** Octets that the kernel has not taken yet. */
  backlog(connection: ConnectionId): number | undefined {
    return this.#sockets.get(connection)?.writableLength;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.destroy();
    await Promise.all(this.#listeners.map(listener => listener.close()));
  }

  #accept(socket: Socket): void {
    const connection = `in-${++this.#accepted}`;
    const [localIp, remoteIp] = [addressOf(socket.localAddress), addressOf(socket.remoteAddress)];
    if (localIp === undefined || remoteIp === undefined) {
      socket.destroy();
      return;
    }
    limitHops(socket, { ttl: MAX_TTL });
    this.#sockets.set(connection, socket);
    const zone = socket.remoteAddress?.split('%')[1];
    this.#attend(connection, socket, message => ({ kind: 'closed', connection, message }));
    this.#options.feed({
      ...{ kind: 'accepted', connection, localIp, remoteIp },
      ...(zone === undefined ? {} : { interface: zone }),
    });
  }

  #attend(connection: ConnectionId, socket: Socket, gone: (message: string) => Input): void {
    const mine = () => this.#sockets.get(connection) === socket;
    let why = 'the peer closed the connection';
    socket.on('error', error => {
      why = error.message;
    });
    socket.on('close', () => {
      if (!mine()) return;
      this.#sockets.delete(connection);
      this.#options.feed(gone(why));
    });
    socket.on('end', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      if (mine()) this.#options.feed({ kind: 'bytes', connection, bytes });
    });
    socket.on('drain', () => {
      if (mine()) this.#options.feed({ kind: 'backlog', connection, bytes: socket.writableLength });
    });
  }

  #indexOf(name: string): number | undefined {
    const found = findLink(this.#options.netlink, name);
    return found.ok ? found.value?.index : undefined;
  }
}

/** Node shows IPv4 callers of an IPv6 socket as mapped addresses, and link-local ones with a zone. */
function addressOf(text: string | undefined): Ip | undefined {
  const parsed = parseIp((text ?? '').replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, ''));
  return parsed.ok ? parsed.value : undefined;
}
