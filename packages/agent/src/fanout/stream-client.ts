import { connect, type TLSSocket } from 'node:tls';
import {
  backOffMs,
  decodeLine,
  encodeHello,
  FANOUT_PROTOCOL,
  type FanoutLine,
  type FanoutPart,
  type FanoutThrough,
  LineSplitter,
} from '@muslin/kube';
import { fail } from '@muslin/net';
import type { Credentials, Identity, StreamTarget } from './identity.ts';

/** All that became true at once. */
export interface StreamMessage {
  /** Replaces all that was told before. */
  readonly whole: boolean;
  readonly parts: readonly FanoutPart[];
}

export interface StreamClientOptions {
  readonly node: string;
  readonly target: StreamTarget;
  readonly identity: Identity;
  readonly onMessage: (message: StreamMessage) => void;
  /** How far each kind is followed, also where nothing of it concerns the node. */
  readonly onThrough?: (through: FanoutThrough) => void;
  readonly onFault: (message: string) => void;
  readonly now?: () => number;
}

/** A line of a controller: an object of the largest size that etcd stores (1.5 MiB), escaped, with room. */
const LINE_BYTES = 16 << 20;
/** All parts of one message: a cluster of a million members is far below. */
const MESSAGE_BYTES = 512 << 20;
/** Until the first beat says how often it beats. */
const FIRST_BEAT_MS = 10_000;

/**
 * One node's stream from a controller, for ever: reconnects with growing waits and goes on after the last message that was
 * taken whole. What is half received when a connection ends is thrown away.
 */
export class StreamClient {
  readonly #options: StreamClientOptions;
  readonly #now: () => number;
  #socket: TLSSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #failures = 0;
  #epoch: string | undefined;
  #seq = 0;
  #staleSince: number | undefined;
  /** Bytes that came, and messages that were taken. */
  readonly counts = { bytes: 0, messages: 0, wholes: 0, connections: 0 };

  constructor(options: StreamClientOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#staleSince = this.#now();
  }

  start(): void {
    void this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  /** Forgets what was taken: the whole comes next, on a new connection. */
  anew(): void {
    this.#epoch = undefined;
    this.#staleSince ??= this.#now();
    this.#socket?.destroy();
  }

  /** Since when nothing is known of the cluster; undefined while the stream speaks and its controller is up to date. */
  get staleSince(): number | undefined {
    return this.#staleSince;
  }

  async #begin(): Promise<void> {
    const credentials = await this.#options.identity();
    if (this.#stopped) return;
    if (credentials.ok) this.#connect(credentials.value);
    else this.#again(credentials.fault);
  }

  #connect({ cert, key, ca }: Credentials): void {
    const { target, node } = this.#options;
    const { host, port, serverName } = target;
    const socket = connect({ host, port, servername: serverName, minVersion: 'TLSv1.3', cert, key, ca });
    this.#socket = socket;
    this.counts.connections++;
    const lines = new LineSplitter(LINE_BYTES);
    let beatMs = FIRST_BEAT_MS;
    let epoch: string | undefined;
    let parts: FanoutPart[] = [];
    let size = 0;
    let why: string | undefined;
    const leave = (message: string) => {
      why ??= message;
      socket.destroy();
    };
    const listen = () =>
      socket.setTimeout(3 * beatMs, () => leave(`no word for ${(3 * beatMs) / 1000} seconds`));
    const take = (line: FanoutLine) => {
      switch (line.type) {
        case 'refused':
          leave(`the controller refused: ${line.message}`);
          break;
        case 'welcome':
          if (line.protocol !== FANOUT_PROTOCOL) {
            leave(`the controller speaks version ${line.protocol} of fan-out, this agent ${FANOUT_PROTOCOL}`);
            break;
          }
          epoch = line.epoch;
          beatMs = line.beatMs;
          listen();
          break;
        case 'part':
          parts.push(line.part);
          break;
        case 'end': {
          const why = this.#unfit(epoch, line);
          if (why !== undefined) {
            leave(why);
            break;
          }
          const message = { whole: line.whole, parts };
          parts = [];
          size = 0;
          this.#epoch = epoch;
          this.#seq = line.seq;
          this.#failures = 0;
          this.#staleSince = undefined;
          this.counts.messages++;
          if (line.whole) this.counts.wholes++;
          this.#options.onMessage(message);
          break;
        }
        case 'beat':
          if (epoch === undefined || epoch !== this.#epoch || line.seq !== this.#seq) break;
          this.#failures = 0;
          this.#staleSince = line.staleMs === 0 ? undefined : this.#now() - line.staleMs;
          this.#options.onThrough?.(line.through);
          break;
      }
    };
    listen();
    socket.on('secureConnect', () =>
      socket.write(encodeHello({ protocol: FANOUT_PROTOCOL, node, epoch: this.#epoch, seq: this.#seq })),
    );
    socket.on('data', (chunk: Buffer) => {
      this.counts.bytes += chunk.length;
      size += chunk.length;
      if (size > MESSAGE_BYTES) leave(`a message is longer than ${MESSAGE_BYTES} bytes`);
      for (const step of lines.push(chunk)) {
        if (socket.destroyed) return;
        const line =
          'tooLong' in step
            ? fail({ message: `a line is longer than ${LINE_BYTES} bytes` })
            : decodeLine(step.line);
        if (line.ok) take(line.value);
        else leave(line.fault.message);
      }
    });
    socket.on('error', error => {
      why ??= error.message;
    });
    socket.on('close', () => this.#again(why ?? 'the controller closed the stream'));
  }

  /** Why a message can't be applied to what was taken. */
  #unfit(epoch: string | undefined, { seq, whole }: FanoutLine & { type: 'end' }): string | undefined {
    if (epoch === undefined) return 'the controller tells before it greets';
    if (whole || (epoch === this.#epoch && seq === this.#seq + 1)) return undefined;
    return `message ${seq} came after ${this.#seq}: one is missing`;
  }

  #again(message: string): void {
    if (this.#stopped) return;
    this.#staleSince ??= this.#now();
    const wait = backOffMs(++this.#failures, Math.random());
    this.#options.onFault(`${message}; trying again in ${Math.round(wait)} ms`);
    this.#timer = setTimeout(() => void this.#begin(), wait);
  }
}
