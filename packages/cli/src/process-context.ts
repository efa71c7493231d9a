import type { Context } from './context.ts';
import { COLOURED, PLAIN, printable } from './output/paint.ts';

/** The context of a real process. Colours only on a terminal, never with `--no-color`, NO_COLOR or TERM=dumb. */
export function processContext(argv: readonly string[]): Context {
  const { env, stdout, stderr, stdin } = process;
  const plain = argv.includes('--no-color') || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  // `muslinctl … | head` closes the pipe early: that is no fault of anyone's.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  const errorHead = plain || !stderr.isTTY ? 'error:' : COLOURED.bad('error:');
  return {
    stdout: text => void stdout.write(text),
    stderr: text => void stderr.write(text),
    stdin: () => stdin,
    paint: plain || !stdout.isTTY ? PLAIN : COLOURED,
    now: () => new Date(),
    env,
    fail: (code, ...messages) => {
      for (const message of messages) stderr.write(`${errorHead} ${printable(message)}\n`);
      return code;
    },
  };
}
