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

export const ipamSplit = notHere(
  'ipam split',
  '[number]',
  [
    { flags: '--cidr <cidr>', summary: 'the pool' },
    { flags: '--name <name>', summary: 'the pool' },
  ],
  'make another IPPool beside the old one, disable the old one, and let its pods be replaced (docs/ipam.md)',
);

export const nodeRun = notHere(
  'node run',
  '[args...]',
  [],
  'nodes are served by the DaemonSet muslin-node (docs/getting-started.md)',
);
