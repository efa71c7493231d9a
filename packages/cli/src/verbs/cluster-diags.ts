import type { Verb } from '../verb.ts';

/** One archive about the whole cluster. */
export const clusterDiags: Verb = {
  name: 'cluster diags',
  args: '',
  options: [
    {
      flags: '-o, --output <file>',
      summary: 'where to write it (default: muslin-cluster-diags-TIME.tar.gz here)',
    },
    { flags: '--since <time>', summary: 'logs not older than this: 30m, 12h (default: all that is kept)' },
    { flags: '--max-logs <n>', summary: 'logs of at most so many pods of each program (default: 5)' },
    { flags: '--focus-nodes <names>', summary: 'take logs from pods on these nodes first, with commas' },
    { flags: '--max-parallelism <n>', summary: 'for the habits of calicoctl', hidden: true },
    { flags: '--skip-temp-dir-cleanup', summary: 'for the habits of calicoctl', hidden: true },
  ],
  summary: 'gather objects, states and logs of the cluster in one archive for a report',
  details: `Asks the API server alone: objects of Muslin, nodes, the programs' pods with their logs, and Events about them. What a
node's kernel holds is in its own archive (muslinctl node diags). Passwords and tokens are left out.

Exit code: 0 written, 1 the cluster did not answer, 2 bad usage, or it can't be written there.`,
  examples: ['muslinctl cluster diags', 'muslinctl cluster diags --since 1h --focus-nodes worker-1,worker-2'],
  async run(ctx, input) {
    const { writeClusterDiags } = await import('../cluster/write-cluster-diags.ts');
    return writeClusterDiags(ctx, input);
  },
};
