import type { ExitCode } from './verb.ts';
import type { Paint } from './output/paint.ts';

/** Everything that a verb may touch beside its input and files. Tests give another one. */
export interface Context {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly stdin: () => AsyncIterable<Uint8Array>;
  readonly paint: Paint;
  readonly now: () => Date;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Tells what went wrong, a line for each message, and gives the code back to return. */
  readonly fail: (code: Exclude<ExitCode, 0>, ...messages: readonly string[]) => ExitCode;
}
