import { counted } from '../output/counted.ts';
import { type KubeFaultCode, RESOURCES } from '@muslin/kube';
import type { Context } from '../context.ts';
import { connect } from '../live/connect.ts';
import { faultText } from '../live/fault-text.ts';
import { listedOnce } from '../live/lister.ts';
import { writeData } from '../output/data.ts';
import { printable } from '../output/paint.ts';
import type { ExitCode, Input } from '../verb.ts';
import type { Examination } from './examine.ts';
import type { Finding } from './finding.ts';

/** Faults of a server that answers to nothing. */
const AWAY: ReadonlySet<KubeFaultCode> = new Set(['Unreachable', 'Unauthorized', 'Timeout']);

/** `doctor`: 0 when nothing is broken, 1 when something is or the cluster does not answer. */
export async function showClusterDoctor(ctx: Context, input: Input): Promise<ExitCode> {
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    // What examines is read while the connection comes to stand; a kind that may not be read is a finding, a server that is away is not.
    const once = listedOnce(client.value);
    const [alive, { examine }] = await Promise.all([once.listAll(RESOURCES.Node), import('./examine.ts')]);
    if (!alive.ok && AWAY.has(alive.fault.code)) return ctx.fail(1, faultText(alive.fault));
    const done = await examine(client.value, once, ctx.now());
    const form = input.text('output');
    if (form === 'json' || form === 'yaml') await writeData(ctx, form, { healthy: isWell(done), ...done });
    else ctx.stdout(page(ctx, done));
    return isWell(done) ? 0 : 1;
  } finally {
    await client.value.close();
  }
}

const isWell = ({ findings }: Examination) => findings.every(({ severity }) => severity !== 'problem');

function page(ctx: Context, done: Examination): string {
  const { findings, nodes, objects } = done;
  const count = (severity: Finding['severity']) => findings.filter(each => each.severity === severity).length;
  const well = isWell(done);
  const head = well ? ctx.paint.good('All is well') : ctx.paint.bad('Not all is well');
  const told = `${counted(count('problem'), 'problem')}, ${counted(count('warning'), 'warning')}, ${count('waiting')} waiting`;
  const lines = findings.flatMap(({ severity, object, code, reason, fix }) => [
    `${severity === 'problem' ? ctx.paint.bad(severity) : severity}  ${printable(`${object}  [${code}]`)}`,
    `  why: ${printable(reason)}`,
    `  fix: ${printable(fix)}`,
    '',
  ]);
  const seen = `${counted(nodes, 'node')} and ${counted(objects, 'object')} examined`;
  return `${[...lines, `${head}: ${told}; ${seen}.`].join('\n')}\n`;
}
