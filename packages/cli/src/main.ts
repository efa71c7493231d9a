import { basename } from 'node:path';
import { processContext } from './process-context.ts';
import { run } from './program.ts';
import { VERBS } from './verbs/table.ts';

// kubectl asks the program of this name how the words of `kubectl muslin` may go on.
const completing = basename(process.argv[1] ?? '') === 'kubectl_complete-muslin';
const argv = [...(completing ? ['__complete', '--'] : []), ...process.argv.slice(2)];
const ctx = processContext(argv);
try {
  process.exitCode = await run(argv, ctx, VERBS);
} catch (cause) {
  // Verbs tell what goes wrong as values, so this is ours; the stack is for whoever mends it.
  process.exitCode = ctx.fail(2, 'muslinctl has a bug, sorry; please report it with the lines below');
  ctx.stderr(`${cause instanceof Error ? cause.stack : String(cause)}\n`);
}
