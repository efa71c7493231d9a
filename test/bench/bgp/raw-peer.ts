import { connect, type Socket } from 'node:net';

const HOLD_SECONDS = 180;
const KEEPALIVE = Buffer.from([...new Array(16).fill(255), 0, 19, 4]);

/** Who a test peer is, and whom it calls. */
export interface RawPeerPlan {
  readonly ip: string;
  readonly as: number;
  readonly target: string;
  readonly port: number;
}

/** A peer of the least kind: opens a session, writes prepared bytes, counts the prefixes that it was told. */
export class RawPeer {
  readonly plan: RawPeerPlan;
  /** Prefixes that it has now: told and not withdrawn. */
  count = 0;
  /** Called when `count` or a single slot changed; set by whoever waits. */
  onChange: () => void = () => {};
  readonly #has = new Uint8Array(1 << 21);
  #socket: Socket | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #established: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;

  constructor(plan: RawPeerPlan) {
    this.plan = plan;
  }

  /** Resolves when the session is Established; dials again until it is. */
  open(): Promise<void> {
    return new Promise(resolve => {
      this.#established = resolve;
      this.#dial();
    });
  }

  /** Whether the /24 with these first 24 bits is among what it has. */
  has(slot: number): boolean {
    return ((this.#has[slot >> 3] as number) & (1 << (slot & 7))) !== 0;
  }

  write(bytes: Buffer): boolean {
    return this.#socket?.write(bytes) ?? false;
  }

  /** Writes chunk after chunk, waiting while the other side does not read. */
  async feed(chunks: readonly Buffer[]): Promise<void> {
    for (const chunk of chunks)
      if (!this.write(chunk)) await new Promise(resolve => this.#socket?.once('drain', resolve));
  }

  /** Resolves when `count` is as given. */
  until(count: number): Promise<void> {
    return new Promise(resolve => {
      this.onChange = () => {
        if (this.count !== count) return;
        this.onChange = () => {};
        resolve();
      };
      this.onChange();
    });
  }

  /** From now on it keeps the session and reads nothing. */
  stopReading(): void {
    this.#socket?.pause();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#established = () => {};
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #dial(): void {
    const { ip, target, port } = this.plan;
    const socket = connect({ host: target, port, localAddress: ip });
    this.#socket = socket;
    this.#rest = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on('connect', () => socket.write(this.#openMessage()));
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket === socket) setTimeout(() => this.#socket === socket && this.#dial(), 50);
    });
  }

  #openMessage(): Buffer {
    const { as, ip } = this.plan;
    const capabilities = [1, 4, 0, 1, 0, 1, 65, 4, as >>> 24, (as >>> 16) & 255, (as >>> 8) & 255, as & 255];
    const short = as > 65_535 ? 23_456 : as;
    const body = [
      ...[4, short >> 8, short & 255, HOLD_SECONDS >> 8, HOLD_SECONDS & 255, ...ip.split('.').map(Number)],
      ...[capabilities.length + 2, 2, capabilities.length, ...capabilities],
    ];
    const length = 19 + body.length;
    return Buffer.from([...new Array(16).fill(255), length >> 8, length & 255, 1, ...body]);
  }

  #read(bytes: Buffer): void {
    const data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    let changed = false;
    while (data.length - at >= 19) {
      const length = (((data[at + 16] as number) << 8) | (data[at + 17] as number)) >>> 0;
      if (data.length - at < length) break;
      const type = data[at + 18];
      if (type === 1) this.write(KEEPALIVE);
      else if (type === 4) this.#alive();
      else if (type === 2) changed = this.#update(data, at + 19, at + length) || changed;
      at += length;
    }
    this.#rest = data.subarray(at);
    if (changed) this.onChange();
  }

  #alive(): void {
    this.#timer ??= setInterval(() => this.write(KEEPALIVE), (HOLD_SECONDS / 6) * 1000);
    this.#established();
  }

  #update(data: Buffer, start: number, end: number): boolean {
    const withdrawn = ((data[start] as number) << 8) | (data[start + 1] as number);
    const attributesAt = start + 2 + withdrawn;
    const attributes = ((data[attributesAt] as number) << 8) | (data[attributesAt + 1] as number);
    const before = this.count;
    this.#walk(data, start + 2, attributesAt, false);
    this.#walk(data, attributesAt + 2 + attributes, end, true);
    return before !== this.count || withdrawn > 0 || end > attributesAt + 2 + attributes;
  }

  #walk(data: Buffer, from: number, end: number, announce: boolean): void {
    for (let at = from; at < end; ) {
      const octets = ((data[at] as number) + 7) >> 3;
      const slot =
        (((octets > 0 ? (data[at + 1] as number) : 0) << 16) |
          ((octets > 1 ? (data[at + 2] as number) : 0) << 8) |
          (octets > 2 ? (data[at + 3] as number) : 0)) >>>
        0;
      const bit = 1 << (slot & 7);
      const byte = this.#has[slot >> 3] as number;
      if (announce && (byte & bit) === 0) {
        this.#has[slot >> 3] = byte | bit;
        this.count++;
      } else if (!announce && (byte & bit) !== 0) {
        this.#has[slot >> 3] = byte & ~bit;
        this.count--;
      }
      at += 1 + octets;
    }
  }
}
