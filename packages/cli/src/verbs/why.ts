import { FILES, NAMESPACE, OUTPUT_DATA, POD_CIDR, SKIP_BROKEN } from '../options.ts';
import type { Verb } from '../verb.ts';

/** The exact explainer: one flow, both ends, every policy that was asked. */
export const why: Verb = {
  name: 'why',
  args: '<from> <to>',
  options: [FILES, NAMESPACE, OUTPUT_DATA, POD_CIDR, SKIP_BROKEN],
  summary: 'explain why a connection is allowed or denied',
  details: `FROM is namespace/pod, a pod of -n, node/name, or an IP address. TO is the same or svc/namespace/name, with :PORT or
:PORT/PROTOCOL (tcp when left out); a port may be a name, and a target that has only one needs none.

The first line is the verdict. Then both ends tell which tiers, policies and rules were asked, in order; a rule marked
* matched, and what decided is the last one. With --files every line says where in the files it stands.

Exit code: 0 allowed, 1 denied, 2 there is no answer.`,
  examples: [
    'muslinctl why shop/web-1 shop/db-1:5432/tcp',
    'muslinctl why -n shop web-1 svc/db:postgres',
    'muslinctl why 198.51.100.7 shop/web-1:443 --files deploy/',
    'muslinctl why 198.51.100.7 node/worker-1:22',
  ],
  async run(ctx, input) {
    const { explainFlow } = await import('../flow/explain-flow.ts');
    return explainFlow(ctx, input);
  },
};
