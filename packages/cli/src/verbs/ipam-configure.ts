import type { Verb } from '../verb.ts';

/** Settings of IPAM. */
export const ipamConfigure: Verb = {
  name: 'ipam configure',
  args: '',
  options: [
    { flags: '--strictaffinity <bool>', summary: 'true: a node only uses addresses of its own blocks' },
    { flags: '--max-blocks-per-host <n>', summary: 'most blocks of each family for one node; 0: 20' },
    {
      flags: '--kubevirt-ip-persistence <word>',
      summary: 'Enabled or Disabled: kept for other programs, Muslin does not act on it',
    },
    { flags: '--ip-cooldown-seconds <n>', summary: 'how long a freed address rests, 0 to 1200' },
  ],
  summary: 'change how addresses are given out',
  details: 'Exit code: 0 done, 1 the server refused it or the settings contradict each other, 2 bad usage.',
  examples: [
    'muslinctl ipam configure --strictaffinity true',
    'muslinctl ipam configure --ip-cooldown-seconds 60',
  ],
  async run(ctx, input) {
    const { configureIpam } = await import('../ipam/configure-ipam.ts');
    return configureIpam(ctx, input);
  },
};
