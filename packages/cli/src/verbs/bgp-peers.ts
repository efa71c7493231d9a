import { LOCAL, TABLE_OR_DATA } from '../bgp/options.ts';
import type { Verb } from '../verb.ts';

/** BGP sessions of the whole cluster, from anywhere. */
export const bgpPeers: Verb = {
  name: 'bgp peers',
  args: '[nodes...]',
  options: [TABLE_OR_DATA, LOCAL],
  summary: 'show the BGP sessions of all nodes, or of some',
  details: 'Exit code: 0 all sessions are Established, 1 one is not or nobody answered, 2 bad usage.',
  examples: ['muslinctl bgp peers', 'muslinctl bgp peers node-1 -o json', 'muslinctl bgp peers --socket'],
  async run(ctx, input) {
    const { showPeers } = await import('../bgp/show-peers.ts');
    return showPeers(ctx, input);
  },
};
