import type { DriverFault, Plan } from '@muslin/dataplane';
import { ok, type Result } from '@muslin/net';
import type { AgentCore, Desired } from '../core/agent-core.ts';
import type { Actual } from './actual.ts';
import type { Kernel } from './kernel.ts';
import { whenCalm } from './when-calm.ts';

/** What one round did. */
export interface Round {
  readonly desired: Desired;
  /** Steps performed; 0 when the kernel already held everything. */
  readonly steps: number;
  /** Wanted routes that could not be set, by interface, and why. */
  readonly unrouted: ReadonlyMap<string, string>;
  readonly ms: number;
}

/** What an enforcer needs. */
export interface EnforcerOptions {
  readonly core: AgentCore;
  readonly kernel: Pick<Kernel, 'read' | 'plan' | 'apply' | 'members'>;
  /** Looks at what a round is about to do; a fault keeps it from doing it. */
  readonly prove?: (desired: Desired) => DriverFault | undefined;
  /** Called when a round has taken what the core knows: whatever is told later belongs to the next. */
  readonly onTaken: () => void;
  /** Called after each round that succeeded. */
  readonly onRound: (round: Round) => void;
  /** Called after each that failed, with the wait before the next. */
  readonly onFault: (fault: DriverFault, waitMs: number) => void;
  /** How often to look whether somebody else changed what is ours; ms. */
  readonly refreshMs: number;
}

/** A round that takes longer waits for somebody. */
const SLOW_MS = 500;
/** What is gathered for a round comes within so many turns of the event loop. */
const MOST_TURNS = 32;
/** What nobody waits for keeps out of the way of those who come, and goes together. */
const IN_PASSING = { quietMs: 25, longestMs: 100 } as const;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5_000;

/**
 * Brings the kernel to what the core desires: one round at a time, everything that was told before a round began
 * is in it. After a fault it trusts nothing that it knew and reads the kernel back.
 */
export class Enforcer {
  readonly #options: EnforcerOptions;
  /** What the kernel holds as far as is known; undefined: read it before the next round. */
  #actual: Actual | undefined;
  /** What the last good round brought about. */
  #enforced: Desired | undefined;
  /** What the kernel holds to the last bit: the last plan had no step, or none that may leave something to do. */
  #settled: Desired | undefined;
  #readAgain = false;
  #audits: ((found: Result<Plan, DriverFault>) => void)[] = [];
  /** Counts requests; a round covers all that came before it began. */
  #asked = 0;
  #done = 0;
  #running: Promise<void> | undefined;
  #started = false;
  #stopped = false;
  #waiters: { readonly upTo: number; readonly resolve: () => void }[] = [];
  #refresh: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #wake: (() => void) | undefined;
  /** A round that others asked for may have taken it along by then. */
  readonly #inPassing = whenCalm(() => {
    if (this.#waiters.some(({ upTo }) => upTo > this.#asked)) this.#ask();
  }, IN_PASSING);

  constructor(options: EnforcerOptions) {
    this.#options = options;
  }

  /** From now on requests are served. Before, nothing is touched: an empty view must not empty the kernel. */
  start(): void {
    this.#started = true;
    this.#refresh = setInterval(() => this.lookAgain(), this.#options.refreshMs);
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

  /** The same for what nobody waits for: the next round takes it along; if there is none, one begins when all is calm. */
  enforceInPassing(): Promise<void> {
    const upTo = this.#asked + 1;
    this.#inPassing.soon();
    return new Promise(resolve => this.#waiters.push({ upTo, resolve }));
  }

  /** Asks for a round without waiting. */
  poke(): void {
    this.#ask();
  }

  /** Asks for a round that reads the kernel back first: somebody may have changed what is ours. */
  lookAgain(): void {
    this.#readAgain = true;
    this.#ask();
  }

  /**
   * Reads the kernel back and gives the steps that were missing from what had been enforced: what others changed.
   * They are put back at once. Waits for the first round.
   */
  audit(): Promise<Result<Plan, DriverFault>> {
    return new Promise(resolve => {
      this.#audits.push(resolve);
      this.#ask();
    });
  }

  /** Ends after the round that is under way; nobody who waits is answered any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#refresh);
    this.#inPassing.stop();
    this.#wake?.();
    await this.#running;
  }

  #ask(): number {
    const mine = ++this.#asked;
    if (this.#started && !this.#stopped) this.#running ??= this.#run();
    return mine;
  }

  async #run(): Promise<void> {
    while (this.#done < this.#asked && !this.#stopped) {
      if (!this.#isLight()) await this.#gather();
      const covers = this.#asked;
      const fault = await this.#round();
      if (fault === undefined) {
        this.#done = covers;
        this.#retryMs = FIRST_RETRY_MS;
        const ready = this.#waiters.filter(waiter => waiter.upTo <= covers);
        this.#waiters = this.#waiters.filter(waiter => waiter.upTo > covers);
        for (const waiter of ready) waiter.resolve();
        await this.#answerAudits();
        continue;
      }
      this.#actual = undefined;
      this.#settled = undefined;
      this.#options.onFault(fault, this.#retryMs);
      await this.#pause(this.#retryMs);
      this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
    }
    this.#running = undefined;
  }

  /** Rules stay as they were enforced: a round of routes alone is over before anybody has come. */
  #isLight(): boolean {
    if (this.#actual === undefined || this.#enforced === undefined || this.#readAgain) return false;
    const { rulesets } = this.#options.core.desired();
    return rulesets === this.#enforced.rulesets;
  }

  /**
   * Lets in whoever is at the door: a round keeps the event loop to itself, and costs the same for one pod as for ten. A
   * request of a plugin needs two turns of the loop, so two without news are the end.
   */
  async #gather(): Promise<void> {
    let quiet = 0;
    for (let turn = 0; turn < MOST_TURNS && quiet < 2; turn++) {
      const before = this.#asked;
      await new Promise(resolve => setImmediate(resolve));
      quiet = this.#asked === before ? quiet + 1 : 0;
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #answerAudits(): Promise<void> {
    if (this.#audits.length === 0 || this.#enforced === undefined) return;
    const waiting = this.#audits;
    this.#audits = [];
    const read = await this.#options.kernel.read(this.#actual);
    if (read.ok) this.#actual = read.value;
    this.#settled = undefined;
    const found = read.ok ? ok(this.#options.kernel.plan(this.#enforced, read.value)) : read;
    if (!found.ok || found.value.length > 0) this.#asked++;
    for (const resolve of waiting) resolve(found);
  }

  /** While a step takes long, pods still come and go: their addresses need not wait for it. */
  async #beside<T>(applying: Promise<T>): Promise<T> {
    const { core, kernel } = this.#options;
    let looking = false;
    const timer = setInterval(() => {
      if (looking) return;
      looking = true;
      void kernel.members(core.desired()).then(did => {
        looking = false;
        if (did) this.#readAgain = true;
      });
    }, SLOW_MS);
    try {
      return await applying;
    } finally {
      clearInterval(timer);
    }
  }

  async #round(): Promise<DriverFault | undefined> {
    const { core, kernel, onRound } = this.#options;
    const started = performance.now();
    if (this.#actual === undefined || this.#readAgain) {
      this.#readAgain = false;
      this.#settled = undefined;
      const read = await kernel.read(this.#actual);
      if (!read.ok) return read.fault;
      this.#actual = read.value;
    }
    // Desired is asked for after the read, so that it is as new as can be.
    const desired = core.desired();
    this.#options.onTaken();
    if (desired === this.#settled) {
      const { unrouted } = this.#actual;
      onRound({ desired, steps: 0, unrouted, ms: performance.now() - started });
      return undefined;
    }
    const refusal = this.#options.prove?.(desired);
    if (refusal !== undefined) return refusal;
    const plan = kernel.plan(desired, this.#actual);
    const applied = await this.#beside(kernel.apply(plan, desired, this.#actual));
    if (!applied.ok) return applied.fault;
    this.#actual = applied.value;
    this.#enforced = desired;
    const { unrouted } = applied.value;
    this.#settled = unrouted.size === 0 && plan.every(isFinal) ? desired : undefined;
    onRound({ desired, steps: plan.length, unrouted, ms: performance.now() - started });
    return undefined;
  }
}

/** One transaction, or nothing: what others hold on to for a moment, such as sets of iptables, needs another look. */
function isFinal(op: Plan[number]): boolean {
  return (op.kind === 'nft' && op.farewell !== true) || op.kind === 'route';
}
