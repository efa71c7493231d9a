import { formatIp, formatPrefix, parseIp, parsePrefix } from '@muslin/net';
import type { Context } from '../context.ts';
import { writeData } from '../output/data.ts';
import { formatTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';
import { routeColumns, type RouteRow, routeRow } from './route-row.ts';
import { showNodeRoutes } from './show-node-routes.ts';
import { askSocket, localSocket } from './speaker-socket.ts';

/** `bgp routes [PREFIX]`: the best route of each prefix, or of one. */
export async function showRoutes(ctx: Context, input: Input): Promise<ExitCode> {
  const [text] = input.args;
  const prefix = text === undefined ? undefined : parsePrefix(text);
  if (prefix !== undefined && !prefix.ok) return ctx.fail(2, prefix.fault.message);
  const key = prefix === undefined ? undefined : formatPrefix(prefix.value);
  const nothing = key === undefined ? 'BGP knows no route' : `BGP knows no route to ${key}`;
  const node = input.text('node');
  if (node !== undefined)
    return showNodeRoutes(
      ctx,
      input,
      node,
      route => (key === undefined ? route.peer !== undefined : route.destination === key),
      `${node} has learned ${key === undefined ? 'no route' : `no route to ${key}`}`,
    );
  return list(ctx, input, '/v1/routes', 'FROM', nothing, row => key === undefined || row.prefix === key);
}

/** `bgp received X`: what a peer told, before import filters. */
export async function showReceived(ctx: Context, input: Input): Promise<ExitCode> {
  const peer = parseIp(input.args[0] ?? '');
  if (!peer.ok) return ctx.fail(2, peer.fault.message);
  const name = formatIp(peer.value);
  const node = input.text('node');
  const nothing = `${name} has told no routes`;
  if (node !== undefined) return showNodeRoutes(ctx, input, node, route => route.peer === name, nothing);
  return list(ctx, input, `/v1/received?peer=${encodeURIComponent(name)}`, 'FROM', nothing);
}

/** `bgp advertised X`: what a peer is told, as it is sent. */
export async function showAdvertised(ctx: Context, input: Input): Promise<ExitCode> {
  const peer = parseIp(input.args[0] ?? '');
  if (!peer.ok) return ctx.fail(2, peer.fault.message);
  const name = formatIp(peer.value);
  return list(
    ctx,
    input,
    `/v1/advertised?peer=${encodeURIComponent(name)}`,
    'FROM',
    `${name} is told no routes`,
  );
}

async function list(
  ctx: Context,
  input: Input,
  path: string,
  whose: string,
  nothing: string,
  wanted: (row: RouteRow) => boolean = () => true,
): Promise<ExitCode> {
  const answer = await askSocket(localSocket(ctx, input), path);
  if (!answer.ok) return ctx.fail(answer.fault.code === 'mistake' ? 2 : 1, answer.fault.message);
  const routes = (Array.isArray(answer.value) ? answer.value : [])
    .map(route => ({ route, row: routeRow(route) }))
    .filter(({ row }) => wanted(row));
  const form = input.text('output');
  if (form === 'json' || form === 'yaml')
    await writeData(
      ctx,
      form,
      routes.map(({ route }) => route),
    );
  else if (routes.length > 0)
    ctx.stdout(
      formatTable(
        routes.map(({ row }) => row),
        routeColumns(whose),
        { wide: form === 'wide' },
      ),
    );
  return routes.length > 0 ? 0 : ctx.fail(1, nothing);
}
