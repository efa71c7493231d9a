import { backOffMs } from '@muslin/kube';

/** A reconcile that did not succeed says why; undefined is success. */
export type Reconcile = (name: string) => Promise<string | undefined>;

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
  #scheduled = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  add(kind: string, name: string): void {
    this.#waiting.add(`${kind}/${name}`);
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
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    const slash = key.indexOf('/');
    const kind = key.slice(0, slash);
    this.#running.add(key);
    const reconcile = this.#options.work[kind] as Reconcile;
    const fault = await reconcile(key.slice(slash + 1)).catch(
      (error: unknown) => (error as Error).stack ?? String(error),
    );
    this.#running.delete(key);
    if (fault === undefined) this.#failures.delete(key);
    else {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const wait = backOffMs(failures, Math.random());
      this.#options.onFault(key, fault, wait);
      setTimeout(() => this.add(kind, key.slice(slash + 1)), wait).unref();
    }
    if (this.#waiting.has(key)) this.add(kind, key.slice(slash + 1));
  }
}
