import { diffConnectivity, withStagedInForce } from '@muslin/policy';
import type { Context } from '../context.ts';
import { protocolName } from '../flow/protocol.ts';
import { warn } from '../output/complain.ts';
import { writeData } from '../output/data.ts';
import type { ExitCode, Input } from '../verb.ts';
import { readWorld } from '../world/offline-world.ts';
import { changesOf, countOf, diffMarkdown, diffText } from './diff-text.ts';
import { familiesIn } from './families.ts';
import { outsideOf, parseAddresses } from './outside.ts';
import { parsePorts } from './ports.ts';

export async function showDiff(ctx: Context, input: Input): Promise<ExitCode> {
  const ports = parsePorts(input.list('port'));
  if (!ports.ok) return ctx.fail(2, ports.fault);
  const given = parseAddresses(input.list('external'));
  if (!given.ok) return ctx.fail(2, given.fault);
  const [beforePath = '', afterPath = ''] = input.args;
  const options = { podCidrs: input.list('podCidr'), skipBroken: input.flag('skipBroken'), mayBeEmpty: true };
  const before = await readWorld([beforePath], options);
  if (!before.ok) return ctx.fail(2, ...before.fault);
  const after = await readWorld([afterPath], options);
  if (!after.ok) return ctx.fail(2, ...after.fault);
  warn(ctx, after.value);
  const now = after.value.snapshot;
  const worlds = [before.value.snapshot, input.flag('staged') ? withStagedInForce(now) : now] as const;
  const externals = [...outsideOf(worlds), ...given.value];
  const rows = changesOf(
    diffConnectivity(...worlds, { ports: ports.value, externals }),
    familiesIn(worlds, externals),
  );
  const form = input.text('output');
  if (form === 'markdown') ctx.stdout(diffMarkdown(rows));
  else if (form === 'json' || form === 'yaml')
    await writeData(ctx, form, {
      lost: countOf(rows, 'lost'),
      gained: countOf(rows, 'gained'),
      changes: rows.map(({ protocol, ...row }) => ({
        ...row,
        protocol: protocolName(protocol),
      })),
    });
  else ctx.stdout(diffText(rows, ctx.paint));
  return rows.length > 0 && input.flag('exitCode') ? 1 : 0;
}
