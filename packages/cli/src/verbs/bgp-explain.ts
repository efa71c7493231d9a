import { NODE, SOCKET, TABLE_OR_DATA } from '../bgp/options.ts';
import type { Verb } from '../verb.ts';

/** Why a prefix is routed as it is. */
export const bgpExplain: Verb = {
  name: 'bgp explain',
  args: '<prefix>',
  options: [TABLE_OR_DATA, SOCKET, NODE],
  summary: 'say which path to a prefix won, why each other lost, who is told, and what the kernel does',
  details: `Of a node that is Calico's (--node) only the routes that won are known.
Exit code: 0 there is a route, 1 there is none or nobody answered, 2 bad usage.`,
  examples: ['muslinctl bgp explain 10.244.3.0/26', 'muslinctl bgp explain 0.0.0.0/0 --node node-1 -o json'],
  async run(ctx, input) {
    const { showExplanation } = await import('../bgp/show-explain.ts');
    return showExplanation(ctx, input);
  },
};
