import { ALL_NAMESPACES, NAMESPACE } from '../options.ts';
import type { Verb } from '../verb.ts';

/** Since when every policy is in force, by the word of the kernels. */
export const policyStatus: Verb = {
  name: 'policy status',
  args: '[names...]',
  options: [
    NAMESPACE,
    ALL_NAMESPACES,
    {
      flags: '-o, --output <form>',
      summary: 'wide, json or yaml instead of a table',
      choices: ['wide', 'json', 'yaml'],
    },
  ],
  summary: 'show on how many nodes each policy is enforced, and since when',
  details: `Each node writes what its kernel was read to hold to its PolicyNodeStatus. A policy counts for a node when the node
enforces its newest version, or has come so far and runs no pod that it selects. AFTER is the time from the first node
hearing of that version to the slowest one having it in the kernel, by the nodes' own clocks.

A policy that is wrong is shown as Rejected, with the reason: it is in effect nowhere. Staged policies are enforced
nowhere, either. Policies without a namespace are always shown, unless names are given.

Exit code: 0 all are enforced (or staged), 1 one is not, or a name is not there, 2 bad usage.`,
  examples: [
    'muslinctl policy status -A',
    'muslinctl policy status db -n shop -o wide',
    'muslinctl policy status -o json',
  ],
  async run(ctx, input) {
    const { showPolicyStatus } = await import('../policy/show-policy-status.ts');
    return showPolicyStatus(ctx, input);
  },
};
