import { writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { EVENT_WORKER_SOURCE, systemCalls } from '../syscalls.ts';

/** Who hears about a watched socket. */
export interface Watcher {
  /** Datagrams in the order of arrival. */
  readonly onDatagrams: (datagrams: readonly Uint8Array[]) => void;
  /** Events were lost (ENOBUFS, as a positive errno) or reading failed: the listener must read everything again. */
  readonly onLoss: (errno: number) => void;
}

type FromWorker =
  | { readonly fd: number; readonly datagrams: readonly Uint8Array[]; readonly fault: number }
  | { readonly forgotten: number };

const ENOBUFS = 105;
/** Long enough that a machine on which workers can't run is not kept busy. */
const RESTART_MS = 1000;
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/**
 * Watches non-blocking sockets from one worker thread and reports on the thread that made the poller. The
 * thread starts with the first socket, never keeps the process alive and ends with the last socket.
 */
export class EventPoller {
  readonly #watchers = new Map<number, Watcher>();
  /** Sockets that the worker still polls although nobody listens: closed when it lets go of them. */
  readonly #leaving = new Set<number>();
  #worker: Worker | undefined;
  #wake = -1;
  /** The worker died and will be started again soon, with every watched socket. */
  #waiting = false;

  /** Takes over the descriptor: it is read until `stop` is called, and then closed. */
  watch(fd: number, watcher: Watcher): { readonly stop: () => void } {
    this.#watchers.set(fd, watcher);
    if (!this.#waiting) this.#start().postMessage({ watch: fd });
    this.#signal();
    let watched = true;
    const stop = () => {
      if (!watched) return;
      watched = false;
      this.#forget(fd);
    };
    return { stop };
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const wake = systemCalls().eventfd();
    if (wake < 0) throw new Error(`eventfd: errno ${-wake}`);
    const worker = new Worker(EVENT_WORKER_SOURCE, {
      eval: true,
      workerData: { wake },
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16 },
    });
    this.#wake = wake;
    this.#worker = worker;
    // A thread blocked in poll would otherwise delay the end of the process by up to half a second.
    const onExit = () => this.#signal();
    process.on('exit', onExit);
    worker.on('message', (message: FromWorker) => this.#hear(message));
    worker.on('error', (error: Error) => this.#died(worker, error));
    worker.once('exit', () => {
      process.off('exit', onExit);
      if (this.#wake === wake) this.#wake = -1;
      systemCalls().close(wake);
      this.#died(worker, undefined);
    });
    // Last, since a listener for messages takes a new hold on the process.
    worker.unref();
    return worker;
  }

  #hear(message: FromWorker): void {
    if ('forgotten' in message) {
      this.#leaving.delete(message.forgotten);
      systemCalls().close(message.forgotten);
      if (this.#watchers.size === 0 && this.#leaving.size === 0) this.#stop();
      return;
    }
    const watcher = this.#watchers.get(message.fd);
    if (watcher === undefined) return;
    if (message.datagrams.length > 0) watcher.onDatagrams(message.datagrams);
    if (message.fault !== 0) watcher.onLoss(message.fault);
  }

  #forget(fd: number): void {
    this.#watchers.delete(fd);
    if (this.#worker === undefined) {
      systemCalls().close(fd);
      return;
    }
    this.#leaving.add(fd);
    this.#worker.postMessage({ forget: fd });
    this.#signal();
  }

  #stop(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    worker?.postMessage({ stop: true });
    this.#signal();
  }

  #signal(): void {
    if (this.#wake >= 0) writeSync(this.#wake, ONE);
  }

  /** The worker ended: on purpose (another may have taken its place), or by a failure that all watchers hear of. */
  #died(worker: Worker, error: Error | undefined): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const fd of this.#leaving) systemCalls().close(fd);
    this.#leaving.clear();
    if (this.#watchers.size === 0) return;
    if (error !== undefined) process.emitWarning(`netlink event worker starts again: ${error.message}`);
    this.#waiting = true;
    setTimeout(() => this.#resume(), RESTART_MS).unref();
  }

  #resume(): void {
    this.#waiting = false;
    for (const [fd, watcher] of this.#watchers) {
      this.#start().postMessage({ watch: fd });
      watcher.onLoss(ENOBUFS);
    }
    this.#signal();
  }
}

let shared: EventPoller | undefined;

/** The poller of this thread. */
export function eventPoller(): EventPoller {
  shared ??= new EventPoller();
  return shared;
}
