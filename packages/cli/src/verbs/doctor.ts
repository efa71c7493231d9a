import { OUTPUT_DATA } from '../options.ts';
import type { Verb } from '../verb.ts';

/** What is wrong in the whole cluster. */
export const doctor: Verb = {
  name: 'doctor',
  args: '',
  options: [OUTPUT_DATA],
  summary: 'say on one page what is wrong in the cluster, worst first, each with the reason and the fix',
  details: `Looks at the datastore's lock, definitions (missing, old), nodes, programs (not ready, other versions), agents
and policies (silent, rejected, not yet enforced), pools (overlapping, full), lost addresses, BGP sessions, and
conditions of objects. What can't be read is a finding, too. Where there are no workloads of Muslin's names (a lab),
programs are judged by what they report.

Exit code: 0 nothing is broken (warnings may be there), 1 something is or the cluster did not answer, 2 bad usage.`,
  examples: ['muslinctl doctor', 'muslinctl doctor -o json'],
  async run(ctx, input) {
    const { showClusterDoctor } = await import('../doctor/show-cluster-doctor.ts');
    return showClusterDoctor(ctx, input);
  },
};
