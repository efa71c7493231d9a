import { fail, ok, type Result } from '@muslin/net';
import { inNamespace, type Namespace } from './netns/namespace.ts';
import type { SystemFault } from './system-calls.ts';

/** A program that could not run, ran too long, or said no. */
export interface CommandFault {
  readonly code: 'not-installed' | 'too-slow' | 'refused';
  /** The program and its arguments, for people. */
  readonly command: string;
  /** What it wrote to standard error, and to standard output where it said no. */
  readonly stderr: string;
  readonly stdout?: string;
  readonly message: string;
}

export interface CommandOptions {
  /** Written to standard input; nothing else ever reaches the program from outside. */
  readonly input?: string;
  /** Default 30 s; then the program is killed. */
  readonly timeoutMs?: number;
  readonly namespace?: Namespace | undefined;
  /** Beside this process' own variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of them: what this process was told in confidence is not for every program. */
  readonly bare?: boolean;
}

/**
 * Runs a program without a shell and gives its standard output. Spawning costs 1 ms in a small process and
 * tens of milliseconds in a large one (fork copies page tables): for repeated work prefer a long-lived process.
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Result<string, CommandFault | SystemFault>> {
  const { input = '', timeoutMs = 30_000, namespace, env = {}, bare = false } = options;
  // Loaded on first use: it takes 60 ms, which programs that never spawn need not wait for.
  const { execa } = await import('execa');
  // execa spawns before it returns, so the child is born in the namespace.
  const start = () =>
    execa(file, args, {
      ...{ input, env, extendEnv: !bare },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      reject: false,
      stripFinalNewline: false,
    });
  const started = inNamespace<{ readonly child: ReturnType<typeof start> }, never>(namespace, () =>
    ok({ child: start() }),
  );
  if (!started.ok) return started;
  const result = await started.value.child;
  if (!result.failed) return ok(result.stdout);
  const command = [file, ...args].join(' ');
  const { stderr = '' } = result;
  if (result.code === 'ENOENT' || result.code === 'EACCES') {
    const why = result.code === 'ENOENT' ? 'is not installed' : 'may not be executed';
    return fail({ code: 'not-installed', command, stderr, message: `${file} ${why}` });
  }
  if (result.timedOut)
    return fail({
      code: 'too-slow',
      command,
      stderr,
      message: `${command} took longer than ${timeoutMs} ms`,
    });
  const words = stderr.trim() === '' ? `exit code ${result.exitCode ?? 'none'}` : stderr.trim();
  return fail({
    code: 'refused',
    command,
    stderr,
    stdout: result.stdout ?? '',
    message: `${command}: ${words}`,
  });
}
