import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';
import type { Context } from '../context.ts';
import { reasonOf } from '../files/walk.ts';
import { writeData } from '../output/data.ts';
import { type Column, formatTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';
import { KERNEL_NEEDS, type KernelLists, type KernelNeed, metBy, type Met } from './kernel-needs.ts';

const OLDEST = [5, 4] as const;

interface Row extends KernelNeed {
  readonly met: Met;
}

/** `node checksystem`: 0 all that is needed is there, 1 something is not, 2 the named configuration can't be read. */
export async function checkSystem(ctx: Context, input: Input): Promise<ExitCode> {
  const version = release();
  const named = input.text('kernelConfig');
  let config: string;
  try {
    config =
      named === undefined ? textOf(`/boot/config-${version}`) || textOf('/proc/config.gz') : readText(named);
  } catch (cause) {
    return ctx.fail(2, `${named}: ${reasonOf(cause)}`);
  }
  const lists = kernelLists(version, config);
  const rows: readonly Row[] = KERNEL_NEEDS.map(need => ({ ...need, met: metBy(need, lists) }));
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const old = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  const lacking = rows.filter(({ met, optional }) => met === undefined && !optional);
  const well = !old && lacking.length === 0;
  const form = input.text('output');
  if (form === 'json' || form === 'yaml')
    await writeData(ctx, form, { kernel: version, oldest: OLDEST.join('.'), suitable: well, features: rows });
  else {
    const columns: readonly Column<Row>[] = [
      { head: 'MODULE', cell: row => row.module },
      {
        head: 'STATE',
        cell: row => row.met ?? (row.optional ? 'not found' : 'MISSING'),
        paint: (text, row) => (row.met !== undefined || row.optional ? text : ctx.paint.bad(text)),
      },
      { head: 'NEEDED', cell: row => (row.optional ? 'for some' : 'yes') },
      { head: 'FOR', cell: row => row.why },
    ];
    ctx.stdout(
      `Linux ${version}: ${old ? `older than ${OLDEST.join('.')}, which is needed` : 'new enough'}\n\n`,
    );
    ctx.stdout(formatTable(rows, columns));
    ctx.stdout(
      `\n${well ? 'System meets the requirements of Muslin.' : 'System does not meet the requirements of Muslin.'}\n`,
    );
  }
  if (well) return 0;
  return ctx.fail(
    1,
    ...(old ? [`Linux ${version} is too old: use ${OLDEST.join('.')} or later`] : []),
    ...lacking.map(
      ({ module, why, option }) =>
        `${module} (${option}) was not found: ${why}. Try "modprobe ${module}"; if there is none, use another kernel`,
    ),
  );
}

/** What the kernel says of itself; a list that is not there is empty. */
function kernelLists(version: string, config: string): KernelLists {
  return {
    loaded: textOf('/proc/modules'),
    builtin: textOf(`/lib/modules/${version}/modules.builtin`),
    available: textOf(`/lib/modules/${version}/modules.dep`),
    config,
  };
}

/** Throws what reading or unpacking threw. */
function readText(path: string): string {
  const bytes = readFileSync(path);
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

function textOf(path: string): string {
  try {
    return readText(path);
  } catch {
    return '';
  }
}
