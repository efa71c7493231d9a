import type { DriverFault } from '@muslin/dataplane';
import type { AgentCore, Desired } from '../core/agent-core.ts';
import type { Actual, Kernel } from './kernel.ts';

/** What one round did. */
export interface Round {
  readonly desired: Desired;
  /** Steps performed; 0 when the kernel already held everything. */
  readonly steps: number;
  readonly ms: number;
}

/** What an enforcer needs. */
export interface EnforcerOptions {
  readonly core: AgentCore;
  readonly kernel: Kernel;
  /** Called when a round has taken what the core knows: whatever is told later belongs to the next. */
  readonly onTaken: () => void;
  /** Called after each round that succeeded. */
  readonly onRound: (round: Round) => void;
  /** Called after each that failed, with the wait before the next. */
  readonly onFault: (fault: DriverFault, waitMs: number) => void;
  /** How often to look whether somebody else changed what is ours; ms. */
  readonly refreshMs: number;
}

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5_000;

/**
 * Brings the kernel to what the core desires: one round at a time, everything that was told before a round began
 * is in it. After a fault it trusts nothing that it knew and reads the kernel back.
 */
export class Enforcer {
  readonly #options: EnforcerOptions;
  #actual: Actual | undefined;
  /** Counts requests; a round covers all that came before it began. */
  #asked = 0;
  #done = 0;
  #running = false;
  #started = false;
  #stopped = false;
  #waiters: { readonly upTo: number; readonly resolve: () => void }[] = [];
  #refresh: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(options: EnforcerOptions) {
    this.#options = options;
  }

  /** From now on requests are served. Before, nothing is touched: an empty view must not empty the kernel. */
  start(): void {
    this.#started = true;
    this.#refresh = setInterval(() => {
      this.#actual = undefined;
      this.#ask();
    }, this.#options.refreshMs);
    this.#refresh.unref();
    this.#ask();
  }

  get started(): boolean {
    return this.#started;
  }

  /** Asks for a round; resolves when all that the core knows now is in the kernel. */
  enforce(): Promise<void> {
    const upTo = this.#ask();
    return new Promise(resolve => this.#waiters.push({ upTo, resolve }));
  }

  /** Asks for a round without waiting. */
  poke(): void {
    this.#ask();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#refresh);
  }

  #ask(): number {
    const mine = ++this.#asked;
    // A batch of watch events arrives within one turn of the loop: take it whole.
    if (this.#started && !this.#running) {
      this.#running = true;
      setImmediate(() => void this.#run());
    }
    return mine;
  }

  async #run(): Promise<void> {
    while (this.#done < this.#asked && !this.#stopped) {
      const covers = this.#asked;
      const fault = await this.#round();
      if (fault === undefined) {
        this.#done = covers;
        this.#retryMs = FIRST_RETRY_MS;
        const ready = this.#waiters.filter(waiter => waiter.upTo <= covers);
        this.#waiters = this.#waiters.filter(waiter => waiter.upTo > covers);
        for (const waiter of ready) waiter.resolve();
        continue;
      }
      this.#actual = undefined;
      this.#options.onFault(fault, this.#retryMs);
      await new Promise(resolve => setTimeout(resolve, this.#retryMs));
      this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
    }
    this.#running = false;
  }

  async #round(): Promise<DriverFault | undefined> {
    const { core, kernel, onRound } = this.#options;
    const started = performance.now();
    if (this.#actual === undefined) {
      const read = await kernel.read();
      if (!read.ok) return read.fault;
      this.#actual = read.value;
    }
    // Desired is asked for after the read, so that it is as new as can be.
    const desired = core.desired();
    this.#options.onTaken();
    const plan = kernel.plan(desired, this.#actual);
    const applied = await kernel.apply(plan, desired, this.#actual);
    if (!applied.ok) return applied.fault;
    this.#actual = applied.value;
    onRound({ desired, steps: plan.length, ms: performance.now() - started });
    return undefined;
  }
}
