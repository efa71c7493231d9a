import {
  chmodSync,
  type FSWatcher,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  type Stats,
  watch,
} from 'node:fs';
import { MAX_REQUEST } from './wire.ts';

/** What serving kept DELs takes. */
export interface DelQueueOptions {
  readonly folder: string;
  /** Serves a whole request, as if it had come over the socket. */
  readonly answer: (bytes: Buffer) => Promise<Buffer>;
  readonly log: (line: string) => void;
}

/** Besides the watch: events get lost, and a DEL that was refused is tried again. */
const LOOK_MS = 5_000;
const AT_ONCE = 16;
/** A half-written file of an executable that was killed. */
const HALF_FILE_MS = 600_000;
/** Refusals that no repetition changes: malformed, invalid environment, undecodable, invalid configuration. */
const HOPELESS = new Set([1, 4, 6, 7]);

/** Serves the DELs that the executable kept because no agent answered: at the start, and whenever one appears. */
export class DelQueue {
  readonly #options: DelQueueOptions;
  readonly #complained = new Set<string>();
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #again = false;

  constructor(options: DelQueueOptions) {
    this.#options = options;
  }

  start(): void {
    const { folder, log } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Whoever could write here could end pods.
    chmodSync(folder, 0o700);
    try {
      this.#watcher = watch(folder, { persistent: false }, () => this.look());
      this.#watcher.on('error', error => log(`the folder of kept DELs is not watched: ${error.message}`));
    } catch (error) {
      log(`the folder of kept DELs is only looked at now and then: ${(error as Error).message}`);
    }
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
    this.look();
  }

  stop(): void {
    this.#watcher?.close();
    clearInterval(this.#timer);
  }

  /** Serves what is there; a call while that goes on makes it look once more. */
  look(): void {
    this.#again = true;
    this.#turn ??= this.#serveAll().finally(() => {
      this.#turn = undefined;
    });
  }

  async #serveAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const names = this.#names();
      for (let i = 0; i < names.length; i += AT_ONCE)
        await Promise.all(names.slice(i, i + AT_ONCE).map(name => this.#serve(name)));
    }
  }

  #names(): readonly string[] {
    const { folder, log } = this.#options;
    try {
      const names = readdirSync(folder);
      for (const name of names.filter(n => n.startsWith('.'))) {
        const path = `${folder}/${name}`;
        // It may be a whole one under its own name by now.
        const half = lstatSync(path, { throwIfNoEntry: false });
        if (half?.isFile() && Date.now() - half.mtimeMs > HALF_FILE_MS) rmSync(path, { force: true });
      }
      return names.filter(name => name.endsWith('.del') && !name.startsWith('.')).sort();
    } catch (error) {
      log(`kept DELs can't be listed: ${(error as Error).message}`);
      return [];
    }
  }

  async #serve(name: string): Promise<void> {
    const path = `${this.#options.folder}/${name}`;
    try {
      const file = lstatSync(path);
      if (!isKept(file)) return this.#complain(name, 'it is no file that the CNI executable wrote', false);
      const answer = (await this.#options.answer(readFileSync(path))).toString();
      const [status = '', body = ''] = answer.split('\n', 2);
      const fault = status.startsWith('0 ') ? undefined : (JSON.parse(body) as { code: number; msg: string });
      if (fault === undefined || HOPELESS.has(fault.code)) rmSync(path, { force: true });
      if (fault !== undefined) this.#complain(name, fault.msg, HOPELESS.has(fault.code));
    } catch (error) {
      this.#complain(name, (error as Error).message, false);
    }
  }

  #complain(name: string, why: string, dropped: boolean): void {
    if (this.#complained.has(name)) return;
    this.#complained.add(name);
    this.#options.log(`kept DEL ${name} ${dropped ? 'is no request and was removed' : 'waits'}: ${why}`);
  }
}

/** What the executable writes: anything else may be planted, and a pipe would be read for ever. */
function isKept(file: Stats): boolean {
  return file.isFile() && file.uid === process.geteuid?.() && file.size <= MAX_REQUEST;
}
