import { readFileSync } from 'node:fs';
import { type KernelWitness, NO_WITNESS } from '@muslin/bgp';

type Counter = Exclude<keyof KernelWitness, 'connections'>;
/** Names of the counters (Linux, `TcpExt` of /proc/net/netstat). */
const COUNTERS: Readonly<Record<Counter, string>> = {
  unsigned: 'TCPMD5NotFound',
  unexpectedlySigned: 'TCPMD5Unexpected',
  wronglySigned: 'TCPMD5Failure',
  tooFar: 'TCPMinTTLDrop',
};
const KEYS = Object.keys(COUNTERS) as Counter[];

/** The counters in the text of /proc/net/netstat; what a kernel doesn't count is 0. */
export function readDrops(text: string): KernelWitness {
  const [names = '', values = ''] = text.split('\n').filter(line => line.startsWith('TcpExt:'));
  const at = new Map(names.split(' ').map((name, i) => [name, Number(values.split(' ')[i])]));
  const count = (key: Counter) => at.get(COUNTERS[key]) ?? 0;
  return {
    unsigned: count('unsigned'),
    unexpectedlySigned: count('unexpectedlySigned'),
    wronglySigned: count('wronglySigned'),
    tooFar: count('tooFar'),
  };
}

/** Remembers the kernel's counters for a while, so that what was dropped lately can be told from long ago. */
export class KernelDrops {
  readonly #read: () => string;
  readonly #windowMs: number;
  #samples: { readonly at: number; readonly seen: KernelWitness }[] = [];

  /** `read` gives the text of /proc/net/netstat of the speaker's network namespace. */
  constructor(read: () => string = () => readFileSync('/proc/self/net/netstat', 'utf8'), windowMs = 60_000) {
    this.#read = read;
    this.#windowMs = windowMs;
  }

  /** What was dropped within the window; `now` in milliseconds. */
  lately(now: number): KernelWitness {
    const seen = this.#look();
    if (seen === undefined) return NO_WITNESS;
    this.#samples = [...this.#samples.filter(({ at }) => now - at <= this.#windowMs), { at: now, seen }];
    const first = this.#samples[0]?.seen ?? seen;
    const since = (key: Counter) => Math.max(0, seen[key] - first[key]);
    return Object.fromEntries(KEYS.map(key => [key, since(key)])) as unknown as KernelWitness;
  }

  #look(): KernelWitness | undefined {
    try {
      return readDrops(this.#read());
    } catch {
      // No /proc: suspicions stay suspicions.
      return undefined;
    }
  }
}
