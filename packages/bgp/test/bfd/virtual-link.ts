import { mustIp } from '@muslin/net';
import { Bfd, type BfdOutput, type BfdSession, type BfdStateChange, bfdSessionId } from '../../src/index.ts';

/** What a link does to one packet: milliseconds of delay, or nothing when it is lost. */
export type Fate = number | undefined;

interface Happening {
  readonly at: number;
  readonly run: () => void;
}

/** One end of a link: a `Bfd` with one session, and what it reported. */
export interface End {
  readonly bfd: Bfd;
  readonly changes: (BfdStateChange & { readonly at: number })[];
  configure(session: Omit<BfdSession, 'peer'>): void;
  remove(): void;
  state(): string;
}

const ADDRESSES = [mustIp('10.0.0.1'), mustIp('10.0.0.2')] as const;

/** Two ends on a virtual clock, in milliseconds. `fate` is asked for each packet. */
export class VirtualLink {
  now = 0;
  fate: (from: 0 | 1) => Fate;
  readonly ends: readonly [End, End];
  readonly #queue: Happening[] = [];
  readonly #arrivals: [number, number] = [0, 0];

  constructor(seeds: readonly [number, number], fate: (from: 0 | 1) => Fate) {
    this.fate = fate;
    this.ends = [this.#end(0, seeds[0]), this.#end(1, seeds[1])];
  }

  /** Lets time pass. */
  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || next.at > end) break;
      this.#queue.shift();
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = end;
  }

  /** The end becomes deaf and dumb, as by a power cut. */
  kill(which: 0 | 1): void {
    this.#dead.add(which);
  }

  readonly #dead = new Set<0 | 1>();

  #end(which: 0 | 1, seed: number): End {
    const other = which === 0 ? 1 : 0;
    const bfd = new Bfd({ seed });
    const changes: End['changes'] = [];
    const perform = (outputs: readonly BfdOutput[]): void => {
      for (const output of outputs) {
        if (output.kind === 'setTimer')
          this.#at(output.at, () => {
            if (!this.#dead.has(which)) perform(bfd.handle({ kind: 'timer', id: output.id }, this.now));
          });
        if (output.kind === 'send') {
          const delay = this.fate(which);
          if (delay === undefined) continue;
          // Delays vary, but packets do not overtake each other.
          this.#arrivals[which] = Math.max(this.#arrivals[which], this.now + delay);
          this.#at(this.#arrivals[which], () => this.#deliver(other, output.bytes));
        }
        if (output.kind === 'stateChanged') changes.push({ ...output, at: this.now });
      }
    };
    this.#receivers[which] = bytes => {
      const [from, to] = [ADDRESSES[other], ADDRESSES[which]];
      perform(bfd.handle({ kind: 'packet', from, to, ttl: 255, multihop: false, bytes }, this.now));
    };
    const peer = ADDRESSES[other];
    return {
      bfd,
      changes,
      configure: session => perform(bfd.setSession({ ...session, peer }, this.now)),
      remove: () => perform(bfd.removeSession(bfdSessionId({ peer }), this.now)),
      state: () => bfd.sessions()[0]?.state ?? 'none',
    };
  }

  readonly #receivers: ((bytes: Uint8Array) => void)[] = [];

  #deliver(which: 0 | 1, bytes: Uint8Array): void {
    if (!this.#dead.has(which)) this.#receivers[which]?.(bytes);
  }

  #at(at: number, run: () => void): void {
    let place = this.#queue.length;
    while (place > 0 && (this.#queue[place - 1] as Happening).at > at) place--;
    this.#queue.splice(place, 0, { at, run });
  }
}
