import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { NetlinkFault } from '@muslin/linux';
import { fail, ok, type Result } from '@muslin/net';

/** Why a link is still there. */
export interface LinkFault {
  readonly message: string;
}

type Done = (done: Result<void, LinkFault>) => void;

/** The thread's file beside this one, as source or as built. */
const THREAD = new URL(`./link-worker${extname(import.meta.url)}`, import.meta.url);

/**
 * Deletes links on a thread of its own, since the kernel takes 15–25 ms for it; those that are asked for meanwhile go
 * together afterwards, which takes no longer than one.
 */
export class LinkRemover {
  readonly #namespace: string | undefined;
  #worker: Worker | undefined;
  #waiting = new Map<string, Done[]>();
  /** Under way. */
  #sent: ReadonlyMap<string, readonly Done[]> | undefined;
  #stopped = false;

  /** `namespace`: path or name; absent: the process' own. */
  constructor(namespace?: string) {
    this.#namespace = namespace;
    this.#worker = this.#start();
  }

  /** Deletes a link by name. Nothing to delete is fine. */
  remove(name: string): Promise<Result<void, LinkFault>> {
    return new Promise(resolve => {
      if (this.#waiting.size === 0) setImmediate(() => this.#flush());
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve]);
    });
  }

  /** Ends the thread; what is under way is finished by the kernel. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(THREAD, {
      workerData: this.#namespace === undefined ? {} : { namespace: this.#namespace },
    });
    // Somebody who waits for an answer keeps the process alive by other means.
    worker.unref();
    worker.on('message', (faults: readonly (NetlinkFault | undefined)[]) => this.#answered(faults));
    worker.on('error', error => this.#died(`the thread that removes interfaces died: ${String(error)}`));
    worker.on('exit', () => this.#died('the thread that removes interfaces ended'));
    return worker;
  }

  #flush(): void {
    if (this.#sent !== undefined || this.#waiting.size === 0) return;
    this.#sent = this.#waiting;
    this.#waiting = new Map();
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage([...this.#sent.keys()]);
  }

  #answered(faults: readonly (NetlinkFault | undefined)[]): void {
    const sent = [...(this.#sent ?? [])];
    this.#sent = undefined;
    this.#worker?.unref();
    sent.forEach(([, dones], i) => {
      const fault = faults[i];
      const done = fault === undefined || fault.code === 'ENODEV' ? ok(undefined) : fail(fault);
      for (const resolve of dones) resolve(done);
    });
    this.#flush();
  }

  /** The next request starts another one. */
  #died(message: string): void {
    this.#worker = undefined;
    const sent = this.#sent ?? new Map<string, readonly Done[]>();
    this.#sent = undefined;
    for (const dones of sent.values()) for (const resolve of dones) resolve(fail({ message }));
    if (!this.#stopped) this.#flush();
  }
}
