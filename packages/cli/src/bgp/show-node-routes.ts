import type { Context } from '../context.ts';
import { writeData } from '../output/data.ts';
import { type Column, formatTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';
import { askNodeForRoutes, type NodeRoute } from './ask-node.ts';

export type { NodeRoute };

const COLUMNS: readonly Column<NodeRoute>[] = [
  { head: 'PREFIX', cell: route => route.destination },
  { head: 'GATEWAY', cell: route => route.gateway ?? '-' },
  { head: 'INTERFACE', cell: route => route.interface ?? '-' },
  { head: 'FROM', cell: route => route.from ?? '-' },
  { head: 'PEER', cell: route => route.peer ?? '-' },
  { head: 'KERNEL', cell: route => (route.type === 'FIB' ? 'yes' : 'no') },
];

/** The routes that are wanted of a node whose speaker isn't ours, through the API; exit code 1 when there is none. */
export async function showNodeRoutes(
  ctx: Context,
  input: Input,
  node: string,
  wanted: (route: NodeRoute) => boolean,
  nothing: string,
): Promise<ExitCode> {
  const answer = await askNodeForRoutes(ctx, input, node);
  if (!answer.ok) return ctx.fail(1, answer.fault);
  const routes = answer.value.filter(wanted);
  const form = input.text('output');
  if (form === 'json' || form === 'yaml') await writeData(ctx, form, routes);
  else if (routes.length > 0) ctx.stdout(formatTable(routes, COLUMNS));
  return routes.length > 0 ? 0 : ctx.fail(1, nothing);
}
