import { NODE, SOCKET, TABLE_OR_DATA } from '../bgp/options.ts';
import type { Verb } from '../verb.ts';

/** What a peer told. */
export const bgpReceived: Verb = {
  name: 'bgp received',
  args: '<address>',
  options: [TABLE_OR_DATA, SOCKET, NODE],
  summary: 'show what a peer told, before import filters',
  details: `Of a node that is Calico's (--node) only the routes that won are known.
Exit code: 0 there are routes, 1 there are none or nobody answered, 2 bad usage or no such peer.`,
  examples: ['muslinctl bgp received 192.0.2.1', 'muslinctl bgp received 192.0.2.1 -o json'],
  async run(ctx, input) {
    const { showReceived } = await import('../bgp/show-routes.ts');
    return showReceived(ctx, input);
  },
};
