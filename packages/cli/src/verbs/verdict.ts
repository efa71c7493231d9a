import { FILES_MANY, POD_CIDR, SKIP_BROKEN } from '../options.ts';
import type { Verb } from '../verb.ts';

const FLOW = JSON.stringify({ from: 'ns/pod', to: 'ns/pod', port: 80, protocol: 'TCP' });
const ASKED = JSON.stringify({ from: 'shop/web', to: 'shop/db', port: 5432 });

/** Answers many flows from files alone: for CI, where no cluster is. */
export const verdict: Verb = {
  name: 'verdict',
  args: '',
  options: [
    { ...FILES_MANY, required: true },
    {
      flags: '--flows <file>',
      summary: 'flows to judge, one JSON object a line; - is standard input',
      required: true,
    },
    POD_CIDR,
    SKIP_BROKEN,
  ],
  summary: 'judge flows against the policies in files, one JSON answer a line',
  details: `A flow is ${FLOW}; either end may be an IP address, "to" also
"svc/ns/name", and the protocol is TCP when it is left out. An answer repeats it with "verdict" (allow, deny or error)
and, for both ends, what decided, why, and in which line of which file.

Files need not be complete: a pod without node or address gets one, a Deployment counts as a pod of its name, and a
namespace that is only used exists, with the label kubernetes.io/metadata.name.

Exit code: 0 when every flow has an answer, 1 when a line got "error", 2 when files or options can't be used.`,
  examples: [
    'muslinctl verdict --files deploy/ --flows flows.jsonl',
    `echo '${ASKED}' | muslinctl verdict --files deploy/ --flows -`,
  ],
  async run(ctx, input) {
    const { judgeFlows } = await import('../flow/judge-flows.ts');
    return judgeFlows(ctx, input);
  },
};
