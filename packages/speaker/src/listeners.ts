import type { Socket } from 'node:net';
import type { TcpListener, TcpTransport } from '@muslin/linux';
import { formatIp, type Ip } from '@muslin/net';
import type { PeerKey } from './connections.ts';
import type { ListenAt } from './core/desired-speaker.ts';

/** What listening takes. */
export interface ListenersOptions {
  readonly transport: TcpTransport;
  readonly onSocket: (socket: Socket) => void;
  /** Keys that a new listener must know before anybody can call. */
  readonly keys: () => Iterable<PeerKey>;
  readonly log: (line: string) => void;
}

interface Listening {
  readonly ip: Ip;
  readonly listener: TcpListener;
}

const RETRY_MS = 5_000;

/** The sockets on which peers call; they follow the configured port and addresses, and try again when refused. */
export class Listeners {
  readonly #options: ListenersOptions;
  #wanted: ListenAt | undefined;
  #now: readonly Listening[] = [];
  #fault: string | undefined;
  #work: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** Why nobody can call, in words; undefined while at least one socket listens. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Resolves when what was last wished was tried. Connections that are up stay. */
  follow(wanted: ListenAt): Promise<void> {
    if (placeOf(wanted) === (this.#wanted && placeOf(this.#wanted))) return this.#work;
    this.#wanted = wanted;
    this.#work = this.#work.then(() => this.#open());
    return this.#work;
  }

  setKey(key: PeerKey): void {
    for (const { ip, listener } of this.#now) if (ip.family === key.peer.family) this.#put(listener, key);
  }

  removeKey(peer: Ip): void {
    for (const { ip, listener } of this.#now) if (ip.family === peer.family) listener.removeKey({ peer });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    await this.#work;
    await Promise.all(this.#now.map(({ listener }) => listener.close()));
  }

  async #open(): Promise<void> {
    clearTimeout(this.#retry);
    const { transport, log, keys, onSocket } = this.#options;
    const wanted = this.#wanted;
    if (this.#stopped || wanted === undefined) return;
    for (const { listener } of this.#now) void listener.close();
    this.#now = [];
    const made: Listening[] = [];
    const faults: string[] = [];
    for (const ip of wanted.ips) {
      const opened = await transport.listen(ip, wanted.port, onSocket);
      if (opened.ok) made.push({ ip, listener: opened.value });
      else faults.push(`can't listen on ${formatIp(ip)} port ${wanted.port}: ${opened.fault.message}`);
    }
    this.#now = made;
    for (const key of keys()) this.setKey(key);
    const fault = made.length > 0 ? undefined : (faults[0] ?? 'there is no address to listen on');
    if (fault !== undefined && fault !== this.#fault) log(`${fault}; is another BGP speaker running here?`);
    this.#fault = fault;
    if (faults.length > 0) {
      this.#retry = setTimeout(() => {
        if (this.#now.length === 0) this.#work = this.#work.then(() => this.#open());
      }, RETRY_MS);
      this.#retry.unref();
    }
  }

  #put(listener: TcpListener, key: PeerKey): void {
    const done = listener.setKey(key);
    if (!done.ok) this.#options.log(`TCP-MD5 for ${formatIp(key.peer)} can't be set: ${done.fault.message}`);
  }
}

function placeOf({ ips, port }: ListenAt): string {
  return `${ips.map(formatIp).join(' ')} ${port}`;
}
