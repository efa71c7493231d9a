import { setTimeout } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { OUTPUT_DATA } from '../options.ts';
import type { ExitCode, Input, Verb } from '../verb.ts';
import { VERSION } from '../version.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Versions of this program and, when one is named, of the cluster. */
export const version: Verb = {
  name: 'version',
  args: '',
  options: [
    OUTPUT_DATA,
    { flags: '--client', summary: 'only this program, even with --kubeconfig' },
    { flags: '--poll <period>', summary: 'ask again each 10s, 5m, …, and show what changed; 0: once' },
  ],
  summary: 'show the version of muslinctl, and of the cluster that --kubeconfig names',
  examples: [
    'muslinctl version',
    'muslinctl version --kubeconfig lab.yaml -o json',
    'muslinctl version --poll 10s',
  ],
  async run(ctx, input) {
    const poll = input.text('poll') ?? '0';
    const [, count = '', unit = 's'] = /^(\d+)(ms|s|m|h)?$/.exec(poll) ?? [];
    if (count === '') return ctx.fail(2, `--poll ${poll}: write 10s, 5m or 1h; 0 asks once`);
    const period = Number(count) * (UNITS[unit] ?? 1000);
    let before: string | undefined;
    for (;;) {
      const { text, code } = await told(ctx, input);
      if (text !== before) ctx.stdout(text);
      if (period === 0) return code;
      before = text;
      await setTimeout(period);
    }
  },
};

/** The versions as they are now. */
async function told(ctx: Context, input: Input): Promise<{ readonly text: string; readonly code: ExitCode }> {
  const named = input.text('kubeconfig') ?? input.text('context') ?? ctx.env['KUBECONFIG'] ?? '';
  const asked = !input.flag('client') && named !== '';
  const server = asked
    ? await (await import('../live/server-version.ts')).serverVersion(ctx, input)
    : undefined;
  const found = server?.ok ? server.value : {};
  const code = server === undefined || server.ok ? 0 : ctx.fail(1, server.fault);
  const form = input.text('output');
  if (form === 'json' || form === 'yaml') {
    const { dataText } = await import('../output/data.ts');
    return { text: await dataText(form, { client: VERSION, node: process.version, ...found }), code };
  }
  const rows = Object.entries(found).map(([name, value]) => `${name.padEnd(9)} ${value}\n`);
  return { text: [`muslinctl ${VERSION} (Node ${process.version})\n`, ...rows].join(''), code };
}
