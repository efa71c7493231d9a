import {
  EXTERNAL,
  FILES,
  NAMESPACE,
  OUTPUT_DATA,
  POD_CIDR,
  PORT,
  RECURSIVE,
  SKIP_BROKEN,
  STAGED,
} from '../options.ts';
import type { Verb } from '../verb.ts';

/** What a pull request does to connections. */
export const diff: Verb = {
  name: 'diff',
  args: '[before] [after]',
  options: [
    {
      ...FILES,
      summary: 'compare these objects with those of the cluster, as apply would change them (repeatable)',
    },
    RECURSIVE,
    NAMESPACE,
    { flags: '--exit-code', summary: 'end with 1 when a connection was gained or lost' },
    PORT,
    EXTERNAL,
    {
      ...OUTPUT_DATA,
      summary: 'markdown, json or yaml instead of a table',
      choices: ['markdown', 'json', 'yaml'],
    },
    {
      ...STAGED,
      summary: 'take AFTER as if its staged policies were in force, and what they would delete were gone',
    },
    POD_CIDR,
    SKIP_BROKEN,
  ],
  summary: 'show which connections a change of files gains and loses, or with -f what apply would change',
  details: `BEFORE and AFTER are folders or files, read as "verdict" reads them. Declared ports, --port, and the ends of every port
range of a changed policy are dialled, by all pods and from outside.

With -f nothing is dialled: each object is sent to the server as a dry run of apply, and every field that would
change is shown, as with kubectl diff. That ends with 1 when something would change or was refused.

Exit code: 0 compared, 1 with --exit-code when something changed, 2 bad usage or input.`,
  examples: [
    'muslinctl diff main/deploy branch/deploy',
    'muslinctl diff main branch -o markdown --exit-code',
    'muslinctl diff --staged deploy deploy',
    'muslinctl diff -f policies.yaml',
  ],
  async run(ctx, input) {
    if (input.list('files').length > 0) {
      if (input.args.length > 0) return ctx.fail(2, 'give either two folders, or objects with -f');
      return (await import('../live/diff-objects.ts')).diffObjects(ctx, input);
    }
    if (input.args.length < 2)
      return ctx.fail(2, 'name two folders or files: BEFORE AFTER, or objects with -f');
    const { showDiff } = await import('../reach/show-diff.ts');
    return showDiff(ctx, input);
  },
};
