import { NODE, SOCKET, TABLE_OR_DATA } from '../bgp/options.ts';
import type { Verb } from '../verb.ts';

/** The best route of each prefix. */
export const bgpRoutes: Verb = {
  name: 'bgp routes',
  args: '[prefix]',
  options: [TABLE_OR_DATA, SOCKET, NODE],
  summary: 'show the best route of each prefix, or of one',
  details: `Of a node that is Calico's (--node) these are the routes that it learned, and whether its kernel uses them.
Exit code: 0 there are routes, 1 there are none or nobody answered, 2 bad usage.`,
  examples: [
    'muslinctl bgp routes',
    'muslinctl bgp routes 10.244.3.0/26 -o wide',
    'muslinctl bgp routes --node node-1',
  ],
  async run(ctx, input) {
    const { showRoutes } = await import('../bgp/show-routes.ts');
    return showRoutes(ctx, input);
  },
};
