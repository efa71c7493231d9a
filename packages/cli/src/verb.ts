import type { Context } from './context.ts';

/** What a verb tells the shell: 0 done or yes; 1 the answer is no, or something failed; 2 bad usage or input. */
export type ExitCode = 0 | 1 | 2;

/** One option of a verb, in commander's spelling of flags: `-n, --namespace <name>`. */
export interface VerbOption {
  readonly flags: string;
  readonly summary: string;
  /** The only values that it takes. */
  readonly choices?: readonly string[];
  /** May be given several times; `input.list` collects. */
  readonly repeats?: true;
  readonly required?: true;
  readonly hidden?: true;
}

/** What a person typed, already split into arguments and options. */
export interface Input {
  readonly args: readonly string[];
  /** The value of `--name value`; undefined when it was not given. */
  text(name: string): string | undefined;
  /** All values of an option that repeats, in order. */
  list(name: string): readonly string[];
  flag(name: string): boolean;
}

/** One row of the table of verbs. Its file imports little: what is heavy, `run` imports when it runs. */
export interface Verb {
  /** One or two words: `why`, `bgp peers`. */
  readonly name: string;
  /** Arguments in commander's spelling: `<from> <to>`, `[names...]`. */
  readonly args: string;
  readonly options: readonly VerbOption[];
  readonly summary: string;
  /** Paragraphs below the options in `--help`. */
  readonly details?: string;
  readonly examples: readonly string[];
  readonly hidden?: true;
  /** Takes any option and argument, as it only says what to do instead. */
  readonly loose?: true;
  run(ctx: Context, input: Input): Promise<ExitCode>;
}
