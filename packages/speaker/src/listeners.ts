import type { Socket } from 'node:net';
import type { ListenerKeys, TcpListener, TcpTransport } from '@muslin/linux';
import { formatIp, type Ip, prefixHas, sameIp } from '@muslin/net';
import { AO_IDS, familyOf, type PeerKey, whomText } from './connections.ts';
import type { ListenAt } from './core/desired-speaker.ts';

/** What listening takes. */
export interface ListenersOptions {
  readonly transport: TcpTransport;
  readonly onSocket: (socket: Socket) => void;
  /** Keys that a listener knows before anybody can call. */
  readonly keys: () => Iterable<PeerKey>;
  readonly log: (line: string) => void;
  /** Octets that the kernel keeps for a caller that reads slowly; default as many as it likes. */
  readonly sendBuffer?: number;
  /** Pause before a port that was taken is tried again. Default 5000. */
  readonly retryMs?: number;
}

interface Listening {
  readonly ip: Ip;
  readonly listener: TcpListener;
}

/** The sockets on which peers call; they follow the configured port and addresses, and try again when refused. */
export class Listeners {
  readonly #options: ListenersOptions;
  /** Who must sign to be let in, by text. */
  readonly #signed = new Map<string, PeerKey['peer']>();
  #wanted: ListenAt | undefined;
  #now: readonly Listening[] = [];
  #fault: string | undefined;
  #work: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** Why somebody who should can't call, in words. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Where one can call: the port of the first listener. */
  get port(): number | undefined {
    return this.#now[0]?.listener.port;
  }

  /** Resolves when what was last wished was tried. Connections that are up stay. */
  follow(wanted: ListenAt): Promise<void> {
    if (placeOf(wanted) === (this.#wanted && placeOf(this.#wanted))) return this.#work;
    this.#wanted = wanted;
    this.#work = this.#work.then(() => this.#open(true));
    return this.#work;
  }

  /**
   * Takes keys that are new or another: listens anew. A key that is put on a socket while it listens binds those who
   * call from then on, but not who waits to be accepted; those are turned away here, and call again.
   */
  rekey(changed: Iterable<PeerKey>): void {
    for (const { peer } of changed) this.#signed.delete(whomText(peer));
    if (this.#wanted !== undefined) this.#work = this.#work.then(() => this.#open(true));
  }

  /** Whether a caller from this address had to sign (RFC 2385, RFC 5925) to get here. */
  signs(ip: Ip): boolean {
    return [...this.#signed.values()].some(peer =>
      'length' in peer ? prefixHas(peer, ip) : sameIp(peer, ip),
    );
  }

  removeKey(key: PeerKey): void {
    const { peer, auth } = key;
    for (const { ip, listener } of this.#now) {
      if (ip.family !== familyOf(peer)) continue;
      if (auth === 'tcp-ao') listener.removeAoKey({ peer, ...AO_IDS });
      else listener.removeKey({ peer });
    }
    this.#signed.delete(whomText(peer));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    await this.#work;
    await Promise.all(this.#now.map(({ listener }) => listener.close()));
  }

  /** Opens what is missing. Another place to listen at starts from nothing. */
  async #open(moved: boolean): Promise<void> {
    clearTimeout(this.#retry);
    const { transport, keys, onSocket, sendBuffer, retryMs = 5_000 } = this.#options;
    const wanted = this.#wanted;
    if (this.#stopped || wanted === undefined) return;
    if (moved) {
      for (const { listener } of this.#now) void listener.close();
      this.#now = [];
    }
    const taken: string[] = [];
    const faults: string[] = [];
    let absent = false;
    for (const ip of wanted.ips) {
      if (this.#now.some(open => sameIp(open.ip, ip))) continue;
      const opened = await transport.listen(ip, wanted.port, onSocket, {
        ...(sendBuffer === undefined ? {} : { sendBuffer }),
        prepare: socket => {
          for (const key of keys()) if (ip.family === familyOf(key.peer)) this.#put(socket, key);
        },
      });
      if (opened.ok) this.#now = [...this.#now, { ip, listener: opened.value }];
      else {
        const { code, message } = opened.fault;
        faults.push(`can't listen on ${formatIp(ip)} port ${wanted.port}: ${message}`);
        // The agent puts addresses on the node that pods call.
        if (code === 'EADDRNOTAVAIL') absent = true;
        if (code === 'EADDRINUSE')
          taken.push(`port ${wanted.port} of ${formatIp(ip)} is taken by another program`);
      }
    }
    // A kernel without IPv6 is no fault as long as somebody can call.
    this.#say(
      taken[0] ?? (this.#now.length > 0 ? undefined : (faults[0] ?? 'there is no address to listen on')),
    );
    if (this.#fault === undefined && !absent) return;
    this.#retry = setTimeout(() => {
      this.#work = this.#work.then(() => this.#open(false));
    }, retryMs);
    this.#retry.unref();
  }

  #say(fault: string | undefined): void {
    if (fault !== undefined && fault !== this.#fault) this.#options.log(fault);
    this.#fault = fault;
  }

  /** A key that can't be set leaves its peer outside: `signs` says so. */
  #put(socket: ListenerKeys, key: PeerKey): void {
    const signing = key.auth === 'tcp-ao';
    const done = signing ? socket.setAoKey({ ...key, ...AO_IDS }) : socket.setKey(key);
    const whom = whomText(key.peer);
    if (done.ok) this.#signed.set(whom, key.peer);
    else {
      this.#signed.delete(whom);
      this.#options.log(
        `${signing ? 'TCP-AO' : 'TCP-MD5'} for ${whom} can't be set: ${done.fault.message}; it can't call`,
      );
    }
  }
}

function placeOf({ ips, port }: ListenAt): string {
  return `${ips.map(formatIp).join(' ')} ${port}`;
}
