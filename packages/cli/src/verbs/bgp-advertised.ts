import { NODE, SOCKET, TABLE_OR_DATA } from '../bgp/options.ts';
import type { Verb } from '../verb.ts';

/** What a peer is told. */
export const bgpAdvertised: Verb = {
  name: 'bgp advertised',
  args: '<address>',
  options: [TABLE_OR_DATA, SOCKET, NODE],
  summary: 'show what a peer is told, as it is sent',
  details: `Exit code: 0 there are routes, 1 there are none or nobody answered, 2 bad usage or no such peer.`,
  examples: [
    'muslinctl bgp advertised 192.0.2.1 -o wide',
    'muslinctl bgp advertised 192.0.2.1 --node node-1',
  ],
  async run(ctx, input) {
    const { showAdvertised } = await import('../bgp/show-routes.ts');
    return showAdvertised(ctx, input);
  },
};
