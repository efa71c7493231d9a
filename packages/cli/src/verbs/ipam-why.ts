import { OUTPUT_DATA } from '../options.ts';
import type { Verb } from '../verb.ts';

/** The story of one address. */
export const ipamWhy: Verb = {
  name: 'ipam why',
  args: '<ip>',
  options: [OUTPUT_DATA],
  summary: 'say why an address is in use, or why it is free',
  details: 'Exit code: 0 answered, 1 the cluster did not answer, 2 bad usage.',
  examples: ['muslinctl ipam why 10.244.0.17'],
  async run(ctx, input) {
    const { whyIp } = await import('../ipam/why-ip.ts');
    return whyIp(ctx, input);
  },
};
