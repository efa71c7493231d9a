import { backOffMs } from '@muslin/kube';

/** Pieces of work under way at one time: a list of everything must not become a flood of requests. */
const AT_ONCE = 16;

/** Nothing failed, and nothing is finished either: something is waited for that no watch tells of. */
export interface Again {
  readonly againMs: number;
}

/** A reconcile that did not succeed says why; undefined is success. */
export type Reconcile = (name: string) => Promise<string | Again | undefined>;

/** What a queue needs. */
export interface WorkQueueOptions {
  readonly work: Readonly<Record<string, Reconcile>>;
  /** Whether this replica may work now. */
  readonly active: () => boolean;
  readonly onFault: (key: string, message: string, waitMs: number) => void;
}

/**
 * Level-triggered work: a key that is added while it waits is one piece of work, one that is added while it runs is
 * done again afterwards; what fails is tried again with back-off. Nothing is lost when this replica is not active:
 * whoever becomes leader adds everything.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #failures = new Map<string, number>();
  /** When a key comes again by itself: one time for each. */
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #scheduled = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  add(kind: string, name: string): void {
    this.#waiting.add(`${kind}/${name}`);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#drain();
    });
  }

  #drain(): void {
    if (!this.#options.active()) {
      this.#waiting.clear();
      return;
    }
    for (const key of this.#waiting) {
      if (this.#running.size >= AT_ONCE) return;
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    const slash = key.indexOf('/');
    const kind = key.slice(0, slash);
    this.#running.add(key);
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    const reconcile = this.#options.work[kind] as Reconcile;
    const fault = await reconcile(key.slice(slash + 1)).catch(
      (error: unknown) => (error as Error).stack ?? String(error),
    );
    this.#running.delete(key);
    if (typeof fault !== 'string') {
      this.#failures.delete(key);
      if (fault !== undefined) this.#later(kind, key.slice(slash + 1), fault.againMs);
    } else {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const wait = backOffMs(failures, Math.random());
      this.#options.onFault(key, fault, wait);
      this.#later(kind, key.slice(slash + 1), wait);
    }
    if (this.#waiting.size > 0) this.#schedule();
  }

  #later(kind: string, name: string, ms: number): void {
    const timer = setTimeout(() => this.add(kind, name), ms);
    timer.unref();
    this.#timers.set(`${kind}/${name}`, timer);
  }
}
