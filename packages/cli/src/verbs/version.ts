import { OUTPUT_DATA } from '../options.ts';
import type { Verb } from '../verb.ts';
import { VERSION } from '../version.ts';

/** Versions of this program and, when one is named, of the cluster. */
export const version: Verb = {
  name: 'version',
  args: '',
  options: [OUTPUT_DATA, { flags: '--client', summary: 'only this program, even with --kubeconfig' }],
  summary: 'show the version of muslinctl, and of the cluster that --kubeconfig names',
  examples: ['muslinctl version', 'muslinctl version --kubeconfig lab.yaml -o json'],
  async run(ctx, input) {
    const named = input.text('kubeconfig') ?? input.text('context') ?? ctx.env['KUBECONFIG'] ?? '';
    const asked = !input.flag('client') && named !== '';
    const server = asked
      ? await (await import('../live/server-version.ts')).serverVersion(ctx, input)
      : undefined;
    const answer = { client: VERSION, node: process.version, ...(server?.ok && { server: server.value }) };
    const form = input.text('output');
    if (form === 'json' || form === 'yaml')
      await (await import('../output/data.ts')).writeData(ctx, form, answer);
    else {
      ctx.stdout(`muslinctl ${VERSION} (Node ${process.version})\n`);
      if (server?.ok) ctx.stdout(`server    ${server.value}\n`);
    }
    return server === undefined || server.ok ? 0 : ctx.fail(1, server.fault);
  },
};
