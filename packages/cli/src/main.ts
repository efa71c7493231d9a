import { processContext } from './process-context.ts';
import { run } from './program.ts';
import { VERBS } from './verbs/table.ts';

const argv = process.argv.slice(2);
process.exitCode = await run(argv, processContext(argv), VERBS);
