import { reach, readHostPortEnd, withStagedInForce } from '@muslin/policy';
import type { Context } from '../context.ts';
import { protocolName } from '../flow/protocol.ts';
import { warn } from '../output/complain.ts';
import { writeData } from '../output/data.ts';
import type { ExitCode, Input } from '../verb.ts';
import { openWorld } from '../world/open-world.ts';
import { familiesIn } from './families.ts';
import { withLikelyPorts } from './likely-ports.ts';
import { endText, endTexts, outsideOf, parseAddresses } from './outside.ts';
import { parsePorts } from './ports.ts';
import { listText, MAX_MATRIX_COLUMNS, matrixText, namedRows } from './reach-text.ts';

export async function showReach(ctx: Context, input: Input): Promise<ExitCode> {
  const ports = parsePorts(input.list('port'));
  if (!ports.ok) return ctx.fail(2, ports.fault);
  const given = parseAddresses(input.list('external'));
  if (!given.ok) return ctx.fail(2, given.fault);
  const opened = await openWorld(ctx, input);
  if (!opened.ok) return ctx.fail(2, ...opened.fault);
  const { world } = opened.value;
  warn(ctx, world);
  if (world.snapshot.endpoints.size === 0) return ctx.fail(1, 'there are no pods to ask about');
  const snapshot = input.flag('staged') ? withStagedInForce(world.snapshot) : world.snapshot;
  const outside = [...outsideOf([snapshot]), ...given.value];
  const answer = reach(withLikelyPorts(snapshot), { ports: ports.value, externals: outside });
  const namespace = input.text('namespace');
  const rows = answer.rows.filter(({ to }) => {
    const pod = to.startsWith('pod/') ? to.slice(4) : readHostPortEnd(to)?.pod;
    return namespace === undefined ? pod !== undefined : pod?.startsWith(`${namespace}/`);
  });
  if (rows.length === 0)
    return ctx.fail(
      1,
      `there is no pod with an address${namespace === undefined ? '' : ` in namespace ${namespace}`}`,
    );
  const form = input.text('output');
  if (form === 'json' || form === 'yaml') {
    const data = rows.map(row => ({
      ...row,
      to: endText(row.to),
      protocol: protocolName(row.protocol),
      from: endTexts(row.from),
    }));
    await writeData(ctx, form, data);
    return 0;
  }
  const named = namedRows(rows, familiesIn([snapshot], outside));
  const ends = endTexts(answer.ends);
  const fits = named.length <= MAX_MATRIX_COLUMNS;
  const matrix = form === 'matrix' || (form === undefined && fits);
  ctx.stdout(matrix ? matrixText(ends, named) : listText(ends, named));
  return 0;
}
