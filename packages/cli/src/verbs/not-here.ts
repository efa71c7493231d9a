import type { Verb, VerbOption } from '../verb.ts';

/** What calicoctl has and Muslin has not: a sentence that says what to do instead. */
const notHere = (name: string, args: string, options: readonly VerbOption[], instead: string): Verb => ({
  name,
  args,
  options,
  summary: `not here: ${instead}`,
  examples: [`muslinctl ${name}`],
  hidden: true,
  run: async ctx => ctx.fail(2, `muslinctl has no "${name}": ${instead}`),
});

export const nodeRun = notHere(
  'node run',
  '[args...]',
  [],
  'nodes are served by the DaemonSet muslin-node (docs/getting-started.md)',
);
