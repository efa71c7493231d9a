import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, openSync, closeSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Long enough for a command line tool on a loaded machine. */
const ANSWER_MS = 10_000;

/** The programs of one side, in its namespace. All that is started here ends with `end`, by process group. */
export class Programs {
  readonly #namespace: string;
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];

  constructor(namespace: string, folder: string) {
    this.#namespace = namespace;
    this.#folder = folder;
  }

  /** Starts a program; what it prints goes to `log`. */
  start(command: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const log = openSync(`${this.#folder}/log`, 'a');
    const child = spawn('ip', ['netns', 'exec', this.#namespace, ...command], {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#children.push(child);
    return child;
  }

  /** What a command line tool answers; rejects when it fails. */
  async ask(...words: string[]): Promise<string> {
    const options = { timeout: ANSWER_MS, maxBuffer: 64 << 20 };
    const { stdout } = await run('ip', ['netns', 'exec', this.#namespace, ...words], options);
    return stdout;
  }

  /** What the programs printed. */
  log(): string {
    const file = `${this.#folder}/log`;
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  signal(name: NodeJS.Signals, children: readonly ChildProcess[] = this.#children): void {
    for (const child of children) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      process.kill(-child.pid, name);
    }
  }

  /** Kills the programs, and returns when they are gone. */
  async end(): Promise<void> {
    const alive = this.#children.filter(child => child.exitCode === null && child.signalCode === null);
    const gone = alive.map(child => new Promise(resolve => child.once('exit', resolve)));
    this.signal('SIGKILL', alive);
    await Promise.all(gone);
    this.#children.length = 0;
  }
}
