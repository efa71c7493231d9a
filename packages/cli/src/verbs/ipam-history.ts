import { OUTPUT_DATA } from '../options.ts';
import type { Verb } from '../verb.ts';

/** What happened to one address. */
export const ipamHistory: Verb = {
  name: 'ipam history',
  args: '<ip>',
  options: [OUTPUT_DATA],
  summary: 'say who had an address, when and why',
  details: `Shows what the cluster still knows: the last 128 deeds of each node (AddressNodeStatus), the block, and the collector's
Events. What is older stands in the log of the node's agent.
Exit code: 0 answered, 1 the cluster did not answer, 2 bad usage.`,
  examples: ['muslinctl ipam history 10.244.0.17'],
  async run(ctx, input) {
    const { historyIp } = await import('../ipam/history-ip.ts');
    return historyIp(ctx, input);
  },
};
