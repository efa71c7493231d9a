import type { Verb } from '../verb.ts';

/** Whether the address ledger fits itself and the cluster. */
export const ipamCheck: Verb = {
  name: 'ipam check',
  args: '',
  options: [
    { flags: '--show-all-ips', summary: 'every address in use and its holder' },
    { flags: '--show-problem-ips', summary: 'every problem, and who says so' },
    { flags: '-o, --output <file>', summary: 'write the report as JSON, for ipam release --from-report' },
    { flags: '--fix-plan', summary: 'what to run or wait for, problem by problem; nothing is changed' },
  ],
  summary: 'look for lost addresses and for objects that do not fit together',
  details: `Changes nothing. A lost address is proven when two agree: the API server, that its pod is gone; and the node, in a
report of the last five minutes, that it does not have the address, or that the node is gone, too.
Exit code: 0 nothing found, 1 something found or the cluster did not answer, 2 bad usage.`,
  examples: ['muslinctl ipam check --show-problem-ips', 'muslinctl ipam check -o report.json --fix-plan'],
  async run(ctx, input) {
    const { checkIpam } = await import('../ipam/check-ipam.ts');
    return checkIpam(ctx, input);
  },
};
