import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { remember } from './instance.ts';
import { identify, type ProcessId, signal } from './process-id.ts';

/** How to start a long-lived process of the lab. */
export interface ChildSpec {
  readonly lab: string;
  readonly name: string;
  /** Namespace to run in; the machine's own when absent. */
  readonly netns?: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** File that takes standard output and standard error. */
  readonly log: string;
  /** Descriptors to hand over as 3, 4, … */
  readonly descriptors?: readonly number[];
}

/** A running process of the lab. */
export interface Child {
  readonly name: string;
  readonly spec: ChildSpec;
  readonly id: ProcessId;
  /** Settles when the process has ended, with what ended it. */
  readonly ended: Promise<string>;
  readonly alive: () => boolean;
  /** Last lines of its log, for error messages. */
  readonly tail: () => string;
  /** SIGTERM, then SIGKILL after `graceMs`. */
  readonly stop: (graceMs?: number) => Promise<void>;
  readonly kill: () => Promise<void>;
}

/** Starts a process, detached from the terminal's Ctrl-C, which the lab handles itself. */
export function startChild(spec: ChildSpec): Child {
  const log = openSync(spec.log, 'a', 0o600);
  const command =
    spec.netns === undefined ? spec.command : ['ip', 'netns', 'exec', spec.netns, ...spec.command];
  const child = spawn(command[0] as string, command.slice(1), {
    stdio: ['ignore', log, log, ...(spec.descriptors ?? [])],
    env: { ...process.env, ...spec.env },
    detached: true,
  });
  closeSync(log);
  let over = false;
  const ended = new Promise<string>(resolve => {
    child.once('error', error => {
      over = true;
      resolve(error.message);
    });
    child.once('exit', (code, by) => {
      over = true;
      resolve(by === null ? `exit code ${code}` : `signal ${by}`);
    });
  });
  const id: ProcessId = (child.pid === undefined ? undefined : identify(child.pid)) ?? { pid: -1, start: '' };
  if (id.pid > 0) remember(spec.lab, spec.name, id);
  const end = async (name: NodeJS.Signals) => {
    if (!over) signal(id, name);
  };
  return {
    name: spec.name,
    spec,
    id,
    ended,
    alive: () => !over,
    tail: () => readFileSync(spec.log, 'utf8').split('\n').slice(-12).join('\n'),
    stop: async (graceMs = 3000) => {
      await end('SIGTERM');
      const timer = setTimeout(() => void end('SIGKILL'), graceMs);
      await ended;
      clearTimeout(timer);
    },
    kill: async () => {
      await end('SIGKILL');
      await ended;
    },
  };
}

/** The command line that runs one of our programs from source. */
export function ourProgram(path: string, ...args: readonly string[]): readonly string[] {
  return [
    process.execPath,
    '--conditions=@muslin/source',
    '--disable-warning=ExperimentalWarning',
    path,
    ...args,
  ];
}
