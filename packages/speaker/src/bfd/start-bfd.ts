import { writeSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type BfdSession, type BfdSessionId, bfdSessionId, DIAGNOSTICS } from '@muslin/bgp';
import { systemCalls } from '@muslin/linux';
import type { BfdChange, BfdCommand, BfdNews, BfdReport, BfdStart } from './bfd-messages.ts';

/** Who hears of it. */
export interface BfdWorkerOptions {
  /** A peer became reachable, unreachable, or nobody looks any more. Called on the thread of `startBfd`. */
  readonly onState: (change: BfdChange) => void;
  /** Something that people should know, in words; each sentence once. */
  readonly onFault?: (message: string) => void;
  /** Path or name of the network namespace of the sockets; absent: that of the process. */
  readonly namespace?: string;
}

/** BFD on a thread of its own, which goes on while the caller's thread is busy. */
export interface BfdWorker {
  /** All sessions that are wanted from now on; those missing are ended with AdminDown. */
  setSessions(sessions: readonly BfdSession[]): void;
  report(): Promise<BfdReport>;
  /** Tells the peers AdminDown, so that they take it for no failure, and ends the thread. */
  stop(): Promise<void>;
}

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);
const RESTART_MS = 1000;
/** The thread's file beside this one, as source, as built or as bundled. */
const THREAD = new URL(`./bfd-worker${extname(import.meta.url)}`, import.meta.url);

/** Starts the thread. It never keeps the process alive, and starts again when it dies. */
export function startBfd(options: BfdWorkerOptions): BfdWorker {
  return new RunningBfd(options);
}

class RunningBfd implements BfdWorker {
  readonly #options: BfdWorkerOptions;
  readonly #reports = new Map<number, (report: BfdReport) => void>();
  /** Sessions that clients believe to be up or down. */
  readonly #told = new Map<BfdSessionId, BfdChange>();
  #sessions: readonly BfdSession[] = [];
  #ticket = 0;
  #worker: Worker | undefined;
  #wake = -1;
  #restart: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: BfdWorkerOptions) {
    this.#options = options;
    this.#start();
  }

  setSessions(sessions: readonly BfdSession[]): void {
    this.#sessions = sessions;
    const wanted = new Set(sessions.map(bfdSessionId));
    for (const id of this.#told.keys()) if (!wanted.has(id)) this.#told.delete(id);
    this.#command({ kind: 'sessions', sessions });
  }

  report(): Promise<BfdReport> {
    if (this.#worker === undefined) return Promise.resolve({ sessions: [], discarded: {} });
    const ticket = this.#ticket++;
    // Somebody waits, so the process must not end before the answer.
    this.#worker.ref();
    return new Promise(resolve => {
      this.#reports.set(ticket, resolve);
      this.#command({ kind: 'report', ticket });
    });
  }

  stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === undefined) return Promise.resolve();
    return new Promise(resolve => {
      worker.once('exit', () => resolve());
      worker.ref();
      this.#command({ kind: 'stop' });
    });
  }

  #start(): void {
    const wake = systemCalls().eventfd();
    if (wake < 0) throw new Error(`eventfd: errno ${-wake}`);
    const { namespace } = this.#options;
    const seed = randomInt(2 ** 32);
    const workerData: BfdStart = { wake, seed, ...(namespace === undefined ? {} : { namespace }) };
    const worker = new Worker(THREAD, { workerData });
    this.#wake = wake;
    this.#worker = worker;
    // A thread that waits in poll would otherwise delay the end of the process by up to half a second.
    const onExit = () => this.#signal();
    process.on('exit', onExit);
    worker.on('message', (news: BfdNews) => this.#hear(news));
    worker.on('error', (error: Error) => this.#options.onFault?.(`the BFD thread failed: ${error.message}`));
    worker.once('exit', () => {
      process.off('exit', onExit);
      this.#wake = -1;
      this.#worker = undefined;
      systemCalls().close(wake);
      this.#ended();
    });
    worker.unref();
  }

  #hear(news: BfdNews): void {
    switch (news.kind) {
      case 'state': {
        const { change } = news;
        if (!this.#sessions.some(session => bfdSessionId(session) === change.session)) return;
        this.#told.set(change.session, change);
        this.#options.onState(change);
        break;
      }
      case 'report':
        this.#reports.get(news.ticket)?.(news.report);
        this.#reports.delete(news.ticket);
        if (this.#reports.size === 0 && !this.#stopped) this.#worker?.unref();
        break;
      case 'fault':
        this.#options.onFault?.(news.message);
        break;
      default:
        news satisfies never;
    }
  }

  /** Without the thread nobody looks, so nobody may go on believing what it said last. */
  #ended(): void {
    for (const resolve of this.#reports.values()) resolve({ sessions: [], discarded: {} });
    this.#reports.clear();
    if (this.#stopped) return;
    const at = performance.timeOrigin + performance.now();
    for (const { session, peer } of this.#told.values())
      this.#options.onState({
        session,
        peer,
        state: 'adminDown',
        diagnostic: DIAGNOSTICS.none.code,
        inWords: 'the BFD thread ended and starts again; until then nobody looks',
        at,
      });
    this.#told.clear();
    this.#restart = setTimeout(() => {
      this.#start();
      this.#command({ kind: 'sessions', sessions: this.#sessions });
    }, RESTART_MS);
    this.#restart.unref();
  }

  #command(command: BfdCommand): void {
    this.#worker?.postMessage(command);
    this.#signal();
  }

  #signal(): void {
    if (this.#wake >= 0) writeSync(this.#wake, ONE);
  }
}
