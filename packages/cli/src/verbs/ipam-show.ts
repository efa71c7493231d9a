import { OUTPUT_DATA } from '../options.ts';
import type { Verb } from '../verb.ts';

/** How full pools and blocks are. */
export const ipamShow: Verb = {
  name: 'ipam show',
  args: '',
  options: [
    { flags: '--ip <ip>', summary: 'who has this address' },
    { flags: '--show-blocks', summary: 'pools and their blocks' },
    { flags: '--show-borrowed', summary: "addresses that nodes use from other nodes' blocks" },
    { flags: '--show-configuration', summary: 'the IPAMConfiguration in effect' },
    { flags: '--map', summary: 'a picture of every block, and when each pool may be full' },
    OUTPUT_DATA,
  ],
  summary: 'show how full pools and blocks are',
  details: `RESERVED are addresses of IPReservations that are not in use. Exit code: 0 answered, 1 the cluster did not answer,
2 bad usage.`,
  examples: ['muslinctl ipam show', 'muslinctl ipam show --map', 'muslinctl ipam show --ip 10.244.0.17'],
  async run(ctx, input) {
    const { showIpam } = await import('../ipam/show-ipam.ts');
    return showIpam(ctx, input);
  },
};
