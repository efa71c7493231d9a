import { NODE, SOCKET, TABLE_OR_DATA } from '../bgp/options.ts';
import type { Verb } from '../verb.ts';

/** One session in full. */
export const bgpPeer: Verb = {
  name: 'bgp peer',
  args: '<address>',
  options: [TABLE_OR_DATA, SOCKET, NODE],
  summary: 'show everything about one session',
  details: `Exit code: 0 the session is Established, 1 it is not or nobody answered, 2 bad usage or no such peer.`,
  examples: ['muslinctl bgp peer 192.0.2.1', 'muslinctl bgp peer 192.0.2.1 --node node-1'],
  async run(ctx, input) {
    const { showPeer } = await import('../bgp/show-peer.ts');
    return showPeer(ctx, input);
  },
};
