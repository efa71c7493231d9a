import type { Verb } from '../verb.ts';

/** One pool as several. */
export const ipamSplit: Verb = {
  name: 'ipam split',
  args: '<parts>',
  options: [
    { flags: '--name <pool>', summary: 'the pool, by name' },
    { flags: '--cidr <cidr>', summary: 'the pool, by its range' },
  ],
  summary: 'cut a disabled pool into equal parts; addresses in use stay where they are',
  details: `The parts bear the name of the pool and a number, and are disabled as it is.
Exit code: 0 done, 1 the server refused it or the pool can't be split so, 2 bad usage.`,
  examples: ['muslinctl ipam split 4 --name default-ipv4-ippool'],
  async run(ctx, input) {
    const { splitPool } = await import('../ipam/split-pool.ts');
    return splitPool(ctx, input);
  },
};
