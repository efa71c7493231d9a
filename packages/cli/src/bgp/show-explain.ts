import { formatPrefix, parsePrefix } from '@muslin/net';
import type { Context } from '../context.ts';
import { listAt, textAt, valueAt } from '../files/json.ts';
import { writeData } from '../output/data.ts';
import { printable } from '../output/paint.ts';
import type { ExitCode, Input } from '../verb.ts';
import { askSpeaker } from './question.ts';
import { type RouteRow, routeRow } from './route-row.ts';
import { showNodeRoutes } from './show-node-routes.ts';

/** `bgp explain PREFIX`: the winner, why others lost, who is told and who isn't, and what the kernel does. */
export async function showExplanation(ctx: Context, input: Input): Promise<ExitCode> {
  const prefix = parsePrefix(input.args[0] ?? '');
  if (!prefix.ok) return ctx.fail(2, prefix.fault.message);
  const key = formatPrefix(prefix.value);
  const asked = await askSpeaker(ctx, input, { about: 'Explain', prefix: key });
  const node = input.text('node');
  if (!asked.ok) {
    if (asked.fault.code !== 'elsewhere' || node === undefined)
      return ctx.fail(asked.fault.code === 'mistake' ? 2 : 1, asked.fault.message);
    const nothing = `${node} has no route to ${key}`;
    return showNodeRoutes(ctx, input, node, route => route.destination === key, nothing);
  }
  const { value: answer } = asked.value;
  const form = input.text('output');
  if (form === 'json' || form === 'yaml') await writeData(ctx, form, answer);
  else ctx.stdout(`${explanationText(key, answer).map(printable).join('\n')}\n`);
  return valueAt(answer, 'winner') === undefined ? 1 : 0;
}

/** The lines that explain a prefix. */
export function explanationText(key: string, answer: unknown): readonly string[] {
  const winner = valueAt(answer, 'winner');
  const lost = listAt(answer, 'lost');
  const head =
    winner === undefined
      ? `${key} has no route that can be used${lost.length === 0 ? ': nobody told one' : ''}.`
      : `${key} is reached ${wayOf(routeRow(winner))}.`;
  const shared = listAt(answer, 'alsoUsed').map(route => `  shares the traffic: ${pathOf(routeRow(route))}`);
  const losers = lost.map(route => `  ${pathOf(routeRow(route))}: ${textAt(route, 'words') ?? 'it lost'}`);
  const fib = textAt(answer, 'fib', 'words');
  const told = listAt(answer, 'told').map(String);
  const withheld = listAt(answer, 'withheld').map(
    each => `  ${textAt(each, 'peer') ?? '?'}: ${withheldWords(textAt(each, 'because') ?? '')}`,
  );
  return [
    head,
    ...shared,
    ...(fib === undefined ? [] : [`Kernel: ${fib}.`]),
    ...(losers.length === 0 ? [] : ['Not used:', ...losers]),
    ...(winner === undefined ? [] : [`Told to: ${told.length === 0 ? 'nobody' : told.join(', ')}.`]),
    ...(withheld.length === 0 ? [] : ['Not told to:', ...withheld]),
  ];
}

function wayOf(row: RouteRow): string {
  if (row.source === 'own') return 'here: it is a route of this node';
  return `through ${row.nextHop ?? '?'}, as ${row.peer} says (${traits(row)})`;
}

function pathOf(row: RouteRow): string {
  if (row.source === 'own') return 'the route of this node';
  return `by ${row.peer} through ${row.nextHop ?? '?'} (${traits(row)})`;
}

function traits(row: RouteRow): string {
  return [
    row.source,
    row.asPath === '' ? 'same AS' : `AS path ${row.asPath}`,
    ...(row.localPref === undefined ? [] : [`LOCAL_PREF ${row.localPref}`]),
    ...(row.med === undefined ? [] : [`MED ${row.med}`]),
    ...(row.stale ? ['stale'] : []),
  ].join(', ');
}

/** Why a route isn't sent, by the speaker's word for it. */
const WITHHELD: Readonly<Record<string, string>> = {
  'no-advertise': 'the community NO_ADVERTISE keeps it here (RFC 1997)',
  'no-export': 'the community NO_EXPORT keeps it inside our AS (RFC 1997)',
  'internal-to-internal':
    'internal routes go to internal peers by their own speaker or a reflector only (RFC 4271 §9.2.1, RFC 4456)',
  'client-to-client': 'clients of this reflector tell each other themselves (clientToClientReflection)',
  'only-to-customer': 'it may go to customers only (RFC 9234 §5)',
  'export-filter':
    'a BGPFilter or disableBGPExport rejects it, or it is neither a route of this node nor inside an IPPool',
  'no-next-hop': 'this node has no address of that family to name as next hop',
  'too-long': 'its attributes do not fit into a message',
};

function withheldWords(because: string): string {
  return WITHHELD[because] ?? because;
}
