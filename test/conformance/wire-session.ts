import { connect, type Socket } from 'node:net';
import { digits, KEEPALIVE, type OpenFields, open } from './octets.ts';

/** A message as it came. */
export interface Received {
  readonly type: number;
  readonly body: Uint8Array;
}

/** One TCP connection to the examined speaker that keeps what it receives, and says only what it is told to. */
export class WireSession {
  readonly received: Received[] = [];
  /** Why and how the connection ended; undefined while it stands. */
  end: string | undefined;
  onMessage: (message: Received) => void = () => {};
  readonly #socket: Socket;
  #bytes: Uint8Array = new Uint8Array(0);
  #wake: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Uint8Array) => this.#take(chunk));
    socket.on('error', error => this.#ended(error.message));
    socket.on('close', () => this.#ended('closed'));
  }

  /** Calls the speaker; undefined when nobody answers. */
  static call(localAddress: string, host: string): Promise<WireSession | undefined> {
    return new Promise(resolve => {
      const socket = connect({ host, port: 179, localAddress, family: 4 });
      const timer = setTimeout(() => socket.destroy(), 5000);
      socket.once('connect', () => {
        clearTimeout(timer);
        resolve(new WireSession(socket));
      });
      socket.once('error', () => resolve(undefined));
      socket.once('close', () => resolve(undefined));
    });
  }

  send(...messages: readonly Uint8Array[]): void {
    if (this.end === undefined) for (const bytes of messages) this.#socket.write(bytes);
  }

  /** Closes without a word. */
  close(): void {
    this.#socket.destroy();
  }

  /** Waits until something holds, or the connection ends, or time is up; true when it holds. */
  async until(holds: () => boolean, ms: number): Promise<boolean> {
    const late = performance.now() + ms;
    while (!holds()) {
      const left = late - performance.now();
      if (left <= 0 || this.end !== undefined) return holds();
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, left);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return true;
  }

  has(type: number): boolean {
    return this.received.some(m => m.type === type);
  }

  /** Goes to Established; false when the speaker does not come along. */
  async establish(as: number, ip: string, fields: OpenFields = {}, ms = 5000): Promise<boolean> {
    this.send(open(as, ip, fields));
    if (!(await this.until(() => this.has(4), ms))) return false;
    this.send(KEEPALIVE);
    return true;
  }

  /** `R code/subcode data`, `closed` without a word, or undefined while the connection stands. */
  farewell(withData = false): string | undefined {
    const last = this.received.find(m => m.type === 3);
    if (last !== undefined) {
      const data = withData && last.body.length > 2 ? ` ${digits(last.body.subarray(2))}` : '';
      return `R ${last.body[0]}/${last.body[1]}${data}`;
    }
    return this.end === undefined ? undefined : 'closed';
  }

  #take(chunk: Uint8Array): void {
    const bytes = new Uint8Array(this.#bytes.length + chunk.length);
    bytes.set(this.#bytes);
    bytes.set(chunk, this.#bytes.length);
    let at = 0;
    while (bytes.length - at >= 19) {
      const length = ((bytes[at + 16] as number) << 8) | (bytes[at + 17] as number);
      if (bytes.length - at < length) break;
      const message = { type: bytes[at + 18] as number, body: bytes.slice(at + 19, at + length) };
      this.received.push(message);
      this.onMessage(message);
      at += length;
    }
    this.#bytes = bytes.slice(at);
    this.#wakeAll();
  }

  #ended(reason: string): void {
    this.end ??= reason;
    this.#wakeAll();
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const resolve of waiting) resolve();
  }
}
