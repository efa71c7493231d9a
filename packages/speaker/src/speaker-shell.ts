import type { BurstInput, Input, Output, Speaker, Transport } from '@muslin/bgp';
import type { NetlinkSocket } from '@muslin/linux';
import type { Ip } from '@muslin/net';
import { Connections } from './connections.ts';
import { TimerBook } from './timer-book.ts';

/** What a speaker says that is neither a socket's nor a timer's matter. */
export type Told = Extract<Output, { readonly kind: 'bestChanged' | 'converged' | 'peerChanged' }>;

/** Hears everything that goes in and out, without a say in it. */
export interface ShellObserver {
  readonly input: (input: Input) => void;
  readonly output: (output: Output) => void;
  /** The outputs of an input have been performed. */
  readonly performed: () => void;
}

/** What the shell needs of its holder. */
export interface ShellOptions {
  readonly netlink: NetlinkSocket;
  /** How the session with a caller is to be protected; undefined for strangers. */
  readonly transportOf: (remoteIp: Ip, interfaceName: string | undefined) => Transport | undefined;
  readonly log: (line: string) => void;
  readonly tell: (told: Told) => void;
  readonly observer?: ShellObserver;
  /** Octets that the kernel keeps for a caller that reads slowly; default as many as it likes. */
  readonly sendBuffer?: number;
}

/** Octets that are no sign of a table on its way. */
const FEW = 4096;
/** A burst of this many octets does not wait for more. */
const BURST = 4 << 20;

/** The world around one `Speaker`: its sockets and timers. Benchmarks measure this class, so it has no second copy. */
export class SpeakerShell {
  /** The one that inputs go to; its holder may replace it. */
  speaker: Speaker | undefined;
  readonly connections: Connections;
  readonly timers: TimerBook = new TimerBook(id => this.feed({ kind: 'timer', id }));
  readonly #tell: (told: Told) => void;
  #burst: BurstInput[] = [];
  #octets = 0;
  /** Octets were read in this turn of the loop. */
  #inTurn = false;
  readonly #observer: ShellObserver | undefined;

  constructor({ netlink, transportOf, log, tell, observer, sendBuffer }: ShellOptions) {
    this.#tell = tell;
    this.#observer = observer;
    this.connections = new Connections({
      ...{ netlink, feed: input => this.feed(input), transportOf, log },
      ...(sendBuffer === undefined ? {} : { sendBuffer }),
    });
  }

  /**
   * Takes an input to the speaker. A few octets that come alone are for now, since somebody waits for that one route. All
   * others wait until this turn of the loop has read all sockets, so that what many peers tell at once is decided once.
   * Whatever else happens is told in its place among them.
   */
  feed(input: Input): void {
    if (input.kind !== 'bytes' && input.kind !== 'backlog') {
      this.#flush();
      this.#handle(input);
      return;
    }
    const octets = input.kind === 'bytes' ? input.bytes.length : 0;
    if (!this.#inTurn) {
      const alone = octets < FEW;
      if (alone) this.#handle(input);
      this.#inTurn = true;
      setImmediate(() => {
        this.#inTurn = false;
        this.#flush();
      });
      if (alone) return;
    }
    const [first] = this.#burst;
    // Nobody else has anything to say: a table comes in pieces that are soon forgotten.
    if (this.#burst.length === 1 && first?.connection === input.connection) this.#flush();
    // The room that it was read into is needed for the next one.
    this.#burst.push(input.kind === 'bytes' ? { ...input, bytes: input.bytes.slice() } : input);
    this.#octets += octets;
    if (this.#octets >= BURST) this.#flush();
  }

  /** Performs outputs in order, then tells the speaker what the kernel has not taken of them. */
  perform(outputs: readonly Output[]): void {
    const sent = new Set<string>();
    for (const output of outputs) {
      this.#observer?.output(output);
      switch (output.kind) {
        case 'dial':
          this.connections.dial(output);
          break;
        case 'send':
          this.connections.send(output.connection, output.bytes);
          sent.add(output.connection);
          break;
        case 'close':
          this.connections.close(output.connection);
          break;
        case 'setTimer':
          this.timers.set(output.id, output.at);
          break;
        case 'clearTimer':
          this.timers.clear(output.id);
          break;
        default:
          this.#tell(output);
      }
    }
    this.#observer?.performed();
    const inputs: BurstInput[] = [];
    for (const connection of sent) {
      const bytes = this.connections.backlog(connection);
      if (bytes !== undefined) inputs.push({ kind: 'backlog', connection, bytes });
    }
    if (inputs.length > 0) this.#handle({ kind: 'burst', inputs });
  }

  #flush(): void {
    const inputs = this.#burst;
    if (inputs.length === 0) return;
    this.#burst = [];
    this.#octets = 0;
    const [first] = inputs;
    this.#handle(inputs.length === 1 && first !== undefined ? first : { kind: 'burst', inputs });
  }

  #handle(input: Input): void {
    if (this.speaker === undefined) return;
    this.#observer?.input(input);
    this.perform(this.speaker.handle(input, performance.now()));
  }
}
