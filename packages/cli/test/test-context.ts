import type { Context } from '../src/context.ts';
import { PLAIN } from '../src/output/paint.ts';
import { run } from '../src/program.ts';
import { VERBS } from '../src/verbs/table.ts';

/** What one command line did. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const NOW = new Date('2026-03-01T12:00:00Z');

/** Runs a command line in this process, without a terminal, at a fixed instant. */
export async function muslinctl(
  argv: readonly string[],
  given: { readonly stdin?: string; readonly env?: Context['env'] } = {},
): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await run(
    argv,
    {
      stdout: text => void out.push(text),
      stderr: text => void err.push(text),
      stdin: async function* () {
        yield new TextEncoder().encode(given.stdin ?? '');
      },
      paint: PLAIN,
      now: () => NOW,
      env: given.env ?? {},
      fail: (code, ...messages) => {
        err.push(...messages.map(message => `error: ${message}\n`));
        return code;
      },
    },
    VERBS,
  );
  return { code, stdout: out.join(''), stderr: err.join('') };
}
