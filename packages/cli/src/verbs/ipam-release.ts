import type { Verb } from '../verb.ts';

/** Frees lost addresses. */
export const ipamRelease: Verb = {
  name: 'ipam release',
  args: '',
  options: [
    { flags: '--ip <ip>', summary: 'an address to free (repeatable)', repeats: true },
    {
      flags: '--from-report <file>',
      summary: 'free the lost addresses of an ipam check -o report (repeatable: those that all of them name)',
      repeats: true,
    },
    {
      flags: '--most <n>',
      summary: 'free up to so many at once; otherwise no more than a fifth of all in use, or 16',
    },
    { flags: '--force', summary: 'on one witness too, and however many; with --ip also what seems in use' },
  ],
  summary: 'free lost addresses',
  details: `Everything is looked at afresh: an address is only freed when its pod is gone and its node is gone or says that it does
not have it, and in the life that the report named.
Exit code: 0 all freed, 1 one was refused, 2 bad usage or a report that cannot be read.`,
  examples: ['muslinctl ipam release --ip 10.244.0.17', 'muslinctl ipam release --from-report report.json'],
  async run(ctx, input) {
    const { releaseIps } = await import('../ipam/release-ips.ts');
    return releaseIps(ctx, input);
  },
};
