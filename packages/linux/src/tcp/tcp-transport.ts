import { createServer, type LookupFunction, type Server, Socket } from 'node:net';
import { fail, formatIp, type Ip, ok, type Result } from '@muslin/net';
import { inNamespace, type Namespace } from '../netns/namespace.ts';
import { type ListenOptions, tcpListenIn } from '../netns/namespace-sockets.ts';
import { AF, bindToLink, encodeSocketAddress, openSocket, SOCK } from '../sockets.ts';
import { type SystemFault, systemFault } from '../system-calls.ts';
import { systemCalls } from '../syscalls.ts';
import { type AoKey, addAoKey, deleteAoKey } from './tcp-ao.ts';
import { type Hear, hearing } from './hear-now.ts';
import { linkName } from './link-name.ts';
import { socketFd } from './socket-fd.ts';
import { type Md5Key, setMd5Key, setMinimumTtl, setTtl } from './tcp-options.ts';

/** Time to live of one session, for GTSM (RFC 5082) and multihop peers. */
export interface HopLimits {
  /** Of sent packets, 1–255. GTSM sends 255. */
  readonly ttl?: number;
  /** Received packets below it are dropped: 255 minus the distance, plus one. */
  readonly minimumTtl?: number;
}

/** Whom to call, and how the session is protected. */
export interface DialPlan extends HopLimits {
  readonly peer: Ip;
  readonly port: number;
  /** Source address; absent lets the kernel choose. */
  readonly source?: Ip;
  /** Interface that the session is bound to; needed for an IPv6 link-local peer. */
  readonly link?: string;
  /** The same by ifindex. */
  readonly scope?: number;
  /** TCP MD5 key (RFC 2385). */
  readonly md5?: string;
  /** TCP-AO key (RFC 5925); a kernel without it is a fault, never a weaker session. */
  readonly ao?: Omit<AoKey, 'peer'>;
}

/** Who must sign on a listening socket; what it accepts inherits the keys. */
export interface ListenerKeys {
  setKey(key: Md5Key): Result<void, SystemFault>;
  /** Forgets the key of a peer; ENOENT when there is none. */
  removeKey(key: Omit<Md5Key, 'key'>): Result<void, SystemFault>;
  /** Peers with such a key must sign by TCP-AO (RFC 5925); a kernel without it is a fault. */
  setAoKey(key: AoKey): Result<void, SystemFault>;
  removeAoKey(key: Omit<AoKey, 'key' | 'algorithm'>): Result<void, SystemFault>;
}

/**
 * A listening socket. Keys can be added and removed while it listens, but whoever called before and was not accepted
 * yet is then let in unsigned: keys that must hold from the first call on are set by `prepare`.
 */
export interface TcpListener extends ListenerKeys {
  readonly server: Server;
  readonly port: number;
  /** Takes no more calls; connections that are up stay. */
  close(): Promise<void>;
}

/** TCP with the socket options that BGP needs, as `node:net` sockets, in one network namespace. */
export class TcpTransport {
  readonly #namespace: Namespace | undefined;

  /** @param namespace absent: the namespace of the calling thread */
  constructor(namespace?: Namespace) {
    this.#namespace = namespace;
  }

  /** Listens with SO_REUSEADDR and a backlog of 4096; port 0 lets the kernel choose. */
  listen(
    ip: Ip,
    port: number,
    onSocket: (socket: Socket) => void,
    options: Omit<ListenOptions, 'prepare'> & { readonly prepare?: (keys: ListenerKeys) => void } = {},
  ): Promise<Result<TcpListener, SystemFault>> {
    const made = tcpListenIn(this.#namespace, ip, port, {
      ...options,
      prepare: fd => options.prepare?.(keysOf(fd, ip.family)),
    });
    if (!made.ok) return Promise.resolve(made);
    const fd = made.value;
    const server = createServer({ noDelay: true }, onSocket);
    return new Promise(resolve => {
      const refused = (error: NodeJS.ErrnoException) =>
        resolve(fail({ ...systemFault('listen', error.errno ?? -5), message: error.message }));
      server.once('error', refused);
      server.listen({ fd }, () => {
        server.off('error', refused);
        const address = server.address();
        resolve(
          ok({
            server,
            port: typeof address === 'object' && address !== null ? address.port : port,
            ...keysOf(fd, ip.family),
            // Node's own answer waits until everybody who called has hung up, too.
            close: () =>
              new Promise(closed => {
                server.close();
                setImmediate(closed);
              }),
          }),
        );
      });
    });
  }

  /**
   * Calls a peer. Keys, limits and source are set before the first packet leaves. Connection errors come as
   * `error` events of the socket; a wrong key shows as silence, since the kernel drops what isn't signed. With `hear`
   * octets are handed to it instead of to `data` events.
   */
  dial(plan: DialPlan, hear?: Hear): Result<Socket, SystemFault> {
    const made = inNamespace<Prepared, SystemFault>(this.#namespace, () => prepare(plan));
    if (!made.ok) return made;
    const { fd, link } = made.value;
    const socket = new Socket({ fd, ...(hear !== undefined && { onread: hearing(hear) }) });
    socket.setNoDelay(true);
    const { peer, port } = plan;
    const host = link === undefined ? formatIp(peer) : `${formatIp(peer)}%${link}`;
    // libuv looks up the interface of a link-local address when it connects, so that must happen inside the
    // namespace: a look-up of ours calls back there, and Node connects in the same breath.
    const lookup: LookupFunction = (_host, _options, found) => {
      const connected = inNamespace<undefined, never>(this.#namespace, () => {
        found(null, host, peer.family);
        return ok(undefined);
      });
      if (!connected.ok) socket.destroy(new Error(connected.fault.message));
    };
    socket.connect({ host: 'peer', port, family: peer.family, lookup });
    return ok(socket);
  }
}

function keysOf(fd: number, family: 4 | 6): ListenerKeys {
  return {
    setKey: key => setMd5Key(fd, family, key),
    removeKey: key => setMd5Key(fd, family, { ...key, key: '' }),
    setAoKey: key => addAoKey(fd, key),
    removeAoKey: key => deleteAoKey(fd, key),
  };
}

/** Sets the hop limits of a connected or accepted socket. EBADF when it is closed already. */
export function limitHops(socket: Socket, limits: HopLimits): Result<void, SystemFault> {
  const fd = socketFd(socket);
  if (fd === undefined) return fail(systemFault('setsockopt', -9));
  return limit(fd, socket.remoteFamily === 'IPv6' ? 6 : 4, limits);
}

function limit(fd: number, family: 4 | 6, limits: HopLimits): Result<void, SystemFault> {
  const { ttl, minimumTtl } = limits;
  const sent = ttl === undefined ? ok(undefined) : setTtl(fd, family, ttl);
  return !sent.ok || minimumTtl === undefined ? sent : setMinimumTtl(fd, family, minimumTtl);
}

interface Prepared {
  readonly fd: number;
  readonly link: string | undefined;
}

const ENODEV = 19;

/** A socket on which everything is set but the connection, and the interface that it is bound to. */
function prepare(plan: DialPlan): Result<Prepared, SystemFault> {
  const calls = systemCalls();
  const { peer, source, scope, md5, ao } = plan;
  const link = plan.link ?? (scope === undefined ? undefined : linkName(scope));
  if (scope !== undefined && link === undefined)
    return fail(systemFault('find interface', -ENODEV, `${scope}`));
  const { family } = peer;
  const made = openSocket(family === 4 ? AF.inet : AF.inet6, SOCK.stream, 0, [
    ['setsockopt SO_BINDTODEVICE', fd => bindToLink(fd, link)],
    ['bind', fd => (source === undefined ? 0 : calls.bind(fd, encodeSocketAddress({ ip: source, port: 0 })))],
  ]);
  if (!made.ok) return made;
  const fd = made.value;
  const keyed = md5 === undefined ? ok(undefined) : setMd5Key(fd, family, { peer, key: md5 });
  const authenticated = !keyed.ok || ao === undefined ? keyed : addAoKey(fd, { ...ao, peer });
  const limited = authenticated.ok ? limit(fd, family, plan) : authenticated;
  if (limited.ok) return ok({ fd, link });
  calls.close(fd);
  return limited;
}
