import { EXTERNAL, FILES, OUTPUT_DATA, POD_CIDR, PORT, SKIP_BROKEN, STAGED } from '../options.ts';
import type { Verb } from '../verb.ts';

/** Who reaches whom. */
export const reach: Verb = {
  name: 'reach',
  args: '',
  options: [
    FILES,
    { flags: '-n, --namespace <name>', summary: 'only destinations in this namespace (default: all)' },
    PORT,
    EXTERNAL,
    {
      ...OUTPUT_DATA,
      summary: 'matrix, list, json or yaml (default: a matrix while it fits a screen, then a list)',
      choices: ['matrix', 'list', 'json', 'yaml'],
    },
    STAGED,
    POD_CIDR,
    SKIP_BROKEN,
  ],
  summary: 'show which pods reach which',
  details: `Every pod dials every port that another declares, and every --port. One that declares none is dialled at the ports that
policies name for it, else at 80/TCP. "outside" stands for the rest of the world; each prefix that a policy names is
tried too. A port of a node that leads to a pod (hostPort) is a destination of its own, such as "node1 (shop/web-1)".

Exit code: 0 shown, 1 there are no pods, 2 bad usage or input.`,
  examples: [
    'muslinctl reach --files deploy/',
    'muslinctl reach -n shop',
    'muslinctl reach --staged',
    'muslinctl reach --port 53/udp -o json',
  ],
  async run(ctx, input) {
    const { showReach } = await import('../reach/show-reach.ts');
    return showReach(ctx, input);
  },
};
