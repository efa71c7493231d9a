import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { ok, type Result } from '@muslin/net';
import { inNamespace, type Namespace } from '../netns/namespace.ts';
import type { SystemFault } from '../system-calls.ts';

/** How one input ended: applied, refused (the process is gone then), or unanswered. */
export type RestoreOutcome =
  | { readonly outcome: 'applied' }
  | { readonly outcome: 'ended'; readonly stderr: string; readonly linesBefore: number }
  | { readonly outcome: 'not-installed' }
  | { readonly outcome: 'too-slow' };

/** Makes a program's output come line by line although it goes to a pipe (coreutils). */
const LINE_BUFFERED = 'stdbuf';
/** How stdbuf ends when the program is not there. */
const NOT_FOUND = 127;
const CLOSE_MS = 2000;

interface Waiting {
  readonly ack: string;
  readonly linesBefore: number;
  readonly settle: (outcome: RestoreOutcome) => void;
}

/**
 * One `iptables-*-restore --noflush --verbose` that is fed many inputs. It applies a table at its COMMIT and, being
 * verbose, repeats comment lines: a comment after the last COMMIT that comes back is the acknowledgement. stdbuf
 * makes it come back at once. An input that is refused ends the process; feed the next one to a new process.
 */
export class RestoreProcess {
  readonly #child: ChildProcess;
  #waiting: Waiting | undefined;
  #stdout = '';
  #stderr = '';
  #lines = 0;
  #inputs = 0;
  #alive = true;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => this.#hear(chunk));
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr = (this.#stderr + chunk).slice(-64_000);
    });
    // A process that ends early closes its end of the pipe; how it ended comes with `close`.
    child.stdin?.on('error', () => {});
    child.once('error', () => this.#end({ outcome: 'not-installed' }));
    child.once('close', code => this.#end(code === NOT_FOUND ? { outcome: 'not-installed' } : undefined));
  }

  /** Starts the process in a namespace (absent: the calling thread's). It does not keep Node alive. */
  static start(
    program: string,
    args: readonly string[],
    namespace: Namespace | undefined,
  ): Result<RestoreProcess, SystemFault> {
    const start = () => spawn(LINE_BUFFERED, ['-oL', program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    const started = inNamespace<{ readonly child: ReturnType<typeof start> }, never>(namespace, () =>
      ok({ child: start() }),
    );
    if (!started.ok) return started;
    const process = new RestoreProcess(started.value.child);
    process.#holdNode(false);
    return ok(process);
  }

  /** stdbuf becomes the program that it starts. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether it takes another input. */
  get alive(): boolean {
    return this.#alive;
  }

  /** Feeds one input that ends with a COMMIT line. One at a time. */
  feed(input: string, timeoutMs: number): Promise<RestoreOutcome> {
    if (this.#waiting !== undefined) throw new Error('one restore at a time');
    const ack = `# msl-ack ${++this.#inputs}`;
    const linesBefore = this.#lines;
    this.#lines += input.split('\n').length;
    this.#holdNode(true);
    return new Promise(resolve => {
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        this.#end({ outcome: 'too-slow' });
      }, timeoutMs);
      this.#waiting = {
        ack,
        linesBefore,
        settle: outcome => {
          clearTimeout(timer);
          this.#waiting = undefined;
          this.#holdNode(false);
          resolve(outcome);
        },
      };
      if (this.#alive) this.#child.stdin?.write(`${input}${ack}\n`);
      else this.#end(undefined);
    });
  }

  /** Ends the process after what it was fed; one that does not end is killed. */
  close(): Promise<void> {
    if (!this.#alive) return Promise.resolve();
    this.#holdNode(true);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_MS);
    const closed = new Promise<void>(resolve =>
      this.#child.once('close', () => {
        clearTimeout(timer);
        resolve();
      }),
    );
    this.#child.stdin?.end();
    return closed;
  }

  /** An idle process must not keep Node alive; one that works must. */
  #holdNode(hold: boolean): void {
    const { stdin, stdout, stderr } = this.#child;
    for (const handle of [this.#child, stdin, stdout, stderr] as (ChildProcess | Socket)[]) {
      if (hold) handle.ref();
      else handle.unref();
    }
  }

  #hear(chunk: string): void {
    this.#stdout += chunk;
    const lines = this.#stdout.split('\n');
    this.#stdout = lines.pop() ?? '';
    if (this.#waiting !== undefined && lines.includes(this.#waiting.ack))
      this.#waiting.settle({ outcome: 'applied' });
  }

  #end(outcome: RestoreOutcome | undefined): void {
    this.#alive = false;
    const waiting = this.#waiting;
    waiting?.settle(outcome ?? { outcome: 'ended', stderr: this.#stderr, linesBefore: waiting.linesBefore });
  }
}
