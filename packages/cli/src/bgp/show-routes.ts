import { formatPrefix, parsePrefix } from '@muslin/net';
import type { Context } from '../context.ts';
import { valueAt } from '../files/json.ts';
import { writeData } from '../output/data.ts';
import { formatTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';
import { askSpeaker, parsePeer, type Question } from './question.ts';
import { routeColumns, routeRow } from './route-row.ts';
import { type NodeRoute, showNodeRoutes } from './show-node-routes.ts';

/** `bgp routes [PREFIX]`: the best route of each prefix, or of one. */
export async function showRoutes(ctx: Context, input: Input): Promise<ExitCode> {
  const [text] = input.args;
  if (text === undefined)
    return list(ctx, input, { about: 'Routes' }, 'BGP knows no route', route => route.peer !== undefined);
  const prefix = parsePrefix(text);
  if (!prefix.ok) return ctx.fail(2, prefix.fault.message);
  const key = formatPrefix(prefix.value);
  const nothing = `BGP knows no route to ${key}`;
  return list(ctx, input, { about: 'Explain', prefix: key }, nothing, route => route.destination === key);
}

/** `bgp received X`: what a peer told, before import filters. */
export async function showReceived(ctx: Context, input: Input): Promise<ExitCode> {
  const peer = parsePeer(input.args[0] ?? '');
  if (!peer.ok) return ctx.fail(2, peer.fault);
  const name = peer.value;
  const nothing = `${name} has told no routes`;
  return list(ctx, input, { about: 'Received', peer: name }, nothing, route => route.peer === name);
}

/** `bgp advertised X`: what a peer is told, as it is sent. */
export async function showAdvertised(ctx: Context, input: Input): Promise<ExitCode> {
  const peer = parsePeer(input.args[0] ?? '');
  if (!peer.ok) return ctx.fail(2, peer.fault);
  return list(ctx, input, { about: 'Advertised', peer: peer.value }, `${peer.value} is told no routes`);
}

/** `onCalico` picks what a node of Calico knows of it; without it such a node knows nothing. */
async function list(
  ctx: Context,
  input: Input,
  question: Question,
  nothing: string,
  onCalico?: (route: NodeRoute) => boolean,
): Promise<ExitCode> {
  const answer = await askSpeaker(ctx, input, question);
  const node = input.text('node');
  if (!answer.ok) {
    if (answer.fault.code === 'elsewhere' && onCalico !== undefined && node !== undefined)
      return showNodeRoutes(ctx, input, node, onCalico, nothing);
    return ctx.fail(answer.fault.code === 'mistake' ? 2 : 1, answer.fault.message);
  }
  const { value, cutAfter } = answer.value;
  const routes = question.about === 'Explain' ? winnerOf(value) : Array.isArray(value) ? value : [];
  const form = input.text('output');
  if (form === 'json' || form === 'yaml') await writeData(ctx, form, routes);
  else if (routes.length > 0)
    ctx.stdout(formatTable(routes.map(routeRow), routeColumns('FROM'), { wide: form === 'wide' }));
  if (cutAfter !== undefined)
    ctx.stderr(`There are more routes after ${cutAfter}: ask for one prefix, or on the node.\n`);
  return routes.length > 0 ? 0 : ctx.fail(1, nothing);
}

function winnerOf(explanation: unknown): readonly unknown[] {
  const winner = valueAt(explanation, 'winner');
  return winner === undefined ? [] : [winner];
}
