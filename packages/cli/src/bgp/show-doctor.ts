import { counted } from '../output/counted.ts';
import type { AnyObject } from '@muslin/kube';
import { RESOURCES } from '@muslin/kube';
import type { Context } from '../context.ts';
import { textAt } from '../files/json.ts';
import { connect } from '../live/connect.ts';
import { writeData } from '../output/data.ts';
import { type Column, formatTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';
import { findNodeTroubles, type Trouble } from './find-troubles.ts';
import { nodeReports, socketOf } from './node-reports.ts';
import { isUp, type NodeReport, peersOfStatus } from './node-status.ts';

/** `bgp doctor`: what is wrong with BGP, a sentence for each thing. */
export async function showDoctor(ctx: Context, input: Input): Promise<ExitCode> {
  const reports = await nodeReports(ctx, input);
  if (!reports.ok) return ctx.fail(1, reports.fault);
  const asked = new Set(input.args);
  const nodes = socketOf(ctx, input) === undefined ? await namesOfNodes(ctx, input) : [];
  const wanted = reports.value.filter(({ metadata }) => asked.size === 0 || asked.has(metadata.name ?? ''));
  const expected = asked.size > 0 ? [...asked] : nodes;
  const troubles = findNodeTroubles(wanted, expected, ctx.now());
  const form = input.text('output');
  if (form === 'json' || form === 'yaml') await writeData(ctx, form, troubles);
  else tell(ctx, wanted, troubles);
  return troubles.some(({ severity }) => severity === 'problem') ? 1 : 0;
}

function tell(ctx: Context, reports: readonly NodeReport[], troubles: readonly Trouble[]): void {
  const columns: readonly Column<Trouble>[] = [
    { head: 'NODE', cell: row => row.node },
    { head: 'PEER', cell: row => row.peer ?? '-' },
    {
      head: 'FINDING',
      cell: row => row.code,
      paint: (text, row) => (row.severity === 'problem' ? ctx.paint.bad(text) : text),
    },
    { head: 'WHAT TO DO', cell: row => row.message },
  ];
  if (troubles.length > 0) ctx.stdout(`${formatTable(troubles, columns)}\n`);
  const peers = reports.flatMap(peersOfStatus);
  const up = peers.filter(isUp).length;
  const sessions = `${up} of ${peers.length} ${peers.length === 1 ? 'session is' : 'sessions are'} up`;
  const well = troubles.every(({ severity }) => severity !== 'problem');
  const head = well ? ctx.paint.good('All is well') : ctx.paint.bad('Not all is well');
  ctx.stdout(`${head}: ${sessions} on ${counted(reports.length, 'node')}.\n`);
}

/** The nodes that should report; none when they can't be listed, which other verbs tell. */
async function namesOfNodes(ctx: Context, input: Input): Promise<readonly string[]> {
  const client = await connect(ctx, input);
  if (!client.ok) return [];
  try {
    const nodes = await client.value.listAll<AnyObject>(RESOURCES.Node);
    return nodes.ok ? nodes.value.items.flatMap(node => textAt(node, 'metadata', 'name') ?? []) : [];
  } finally {
    await client.value.close();
  }
}
