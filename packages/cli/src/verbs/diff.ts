import { EXTERNAL, OUTPUT_DATA, POD_CIDR, PORT, SKIP_BROKEN } from '../options.ts';
import type { Verb } from '../verb.ts';

/** What a pull request does to connections. */
export const diff: Verb = {
  name: 'diff',
  args: '<before> <after>',
  options: [
    { flags: '--exit-code', summary: 'end with 1 when a connection was gained or lost' },
    PORT,
    EXTERNAL,
    {
      ...OUTPUT_DATA,
      summary: 'markdown, json or yaml instead of a table',
      choices: ['markdown', 'json', 'yaml'],
    },
    POD_CIDR,
    SKIP_BROKEN,
  ],
  summary: 'show which connections a change of files gains and loses',
  details: `BEFORE and AFTER are folders or files, read as "verdict" reads them. Declared ports, --port, and the ends of every port
range of a changed policy are dialled, by all pods and from outside.

Exit code: 0 compared, 1 with --exit-code when something changed, 2 bad usage or input.`,
  examples: [
    'muslinctl diff main/deploy branch/deploy',
    'muslinctl diff main branch -o markdown --exit-code',
  ],
  async run(ctx, input) {
    const { showDiff } = await import('../reach/show-diff.ts');
    return showDiff(ctx, input);
  },
};
