import type { Context } from '../context.ts';
import { isRecord, type JsonRecord, listAt, numberAt, textAt, valueAt } from '../files/json.ts';
import { formatAge } from '../output/age.ts';
import { writeData } from '../output/data.ts';
import { printable } from '../output/paint.ts';
import type { ExitCode, Input } from '../verb.ts';
import { nodeReports, reportOfSocket } from './node-reports.ts';
import { isUp, type NodeReport, type PeerRow, peersOfStatus } from './node-status.ts';
import { askSpeaker, parsePeer } from './question.ts';
import { localSocket } from './speaker-socket.ts';

type Line = readonly [label: string, value: string | number | undefined];

/** `bgp peer X`: everything about one session. */
export async function showPeer(ctx: Context, input: Input): Promise<ExitCode> {
  const peer = parsePeer(input.args[0] ?? '');
  if (!peer.ok) return ctx.fail(2, peer.fault);
  const name = peer.value;
  const node = input.text('node');
  const socket = localSocket(ctx, input);
  const reports = node === undefined ? await reportOfSocket(socket) : await nodeReports(ctx, input);
  if (!reports.ok) return ctx.fail(1, reports.fault);
  const report = reports.value.find(({ metadata }) => node === undefined || metadata.name === node);
  if (report === undefined)
    return ctx.fail(1, `node ${node} has reported no BGP sessions: is its speaker running?`);
  const row = peersOfStatus(report).find(({ peer }) => peer === name);
  if (row === undefined) return ctx.fail(2, unknown(name, report));
  const inside = await insideOf(ctx, input, name);
  const form = input.text('output');
  if (form === 'json' || form === 'yaml')
    await writeData(ctx, form, { ...row, ...(inside && { session: inside }) });
  else write(ctx, [...headLines(row, ctx.now()), ...insideLines(inside)]);
  return isUp(row) ? 0 : 1;
}

function unknown(name: string, report: NodeReport): string {
  const peers = peersOfStatus(report).map(({ peer }) => peer);
  const list = peers.length === 0 ? 'it has none' : `its peers are ${peers.join(', ')}`;
  return `${name} is no peer of ${report.metadata.name ?? 'this node'}: ${list}`;
}

/** What only the node itself knows: messages, timers, capabilities. */
async function insideOf(ctx: Context, input: Input, peer: string): Promise<JsonRecord | undefined> {
  const answer = await askSpeaker(ctx, input, { about: 'Peer', peer });
  if (answer.ok) return isRecord(answer.value.value) ? answer.value.value : undefined;
  ctx.stderr(`Messages, timers and capabilities are unknown: ${answer.fault.message}\n`);
  return undefined;
}

function headLines(row: PeerRow, now: Date): readonly Line[] {
  return [
    ['Node', row.node],
    ['Peer', row.peer],
    ['AS', row.asn],
    ['Type', row.type],
    ['State', `${row.state} for ${formatAge(row.since, now)}`],
    ['Finding', row.finding?.message ?? row.info],
    ['Families', row.families],
    [
      'Prefixes',
      `${row.received ?? 0} received, ${row.accepted ?? 0} accepted, ${row.advertised ?? 0} advertised`,
    ],
  ];
}

function insideLines(peer: unknown): readonly Line[] {
  if (peer === undefined) return [];
  const hold = numberAt(peer, 'holdTime');
  return [
    ['Local address', textAt(peer, 'localIp')],
    ['Router ID', textAt(peer, 'remoteId')],
    ['Host name', textAt(peer, 'hostName')],
    [
      'Hold time',
      hold === undefined ? undefined : `${hold} s, keepalives each ${numberAt(peer, 'keepaliveTime')} s`,
    ],
    ['Times up', numberAt(peer, 'established')],
    ['Messages in', countsOf(peer, 'messagesIn')],
    ['Messages out', countsOf(peer, 'messagesOut')],
    ['Faulty UPDATEs', faultsOf(peer)],
    ['Last error', textAt(peer, 'lastError')],
    ['Last call', textAt(peer, 'connectError')],
    [
      'Capabilities',
      listAt(peer, 'capabilities')
        .map(capability => textAt(capability, 'kind'))
        .join(', '),
    ],
  ];
}

function countsOf(peer: unknown, which: 'messagesIn' | 'messagesOut'): string {
  const counts = valueAt(peer, which) ?? {};
  return Object.entries(counts)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
}

function faultsOf(peer: unknown): string | undefined {
  const [withdraw = 0, discard = 0] = ['withdraw', 'discard'].map(kind => numberAt(peer, 'faults', kind));
  if (withdraw + discard === 0) return undefined;
  return `${withdraw} taken as withdraws, ${discard} lost an attribute; last: ${textAt(peer, 'faults', 'last')}`;
}

function write(ctx: Context, lines: readonly Line[]): void {
  const shown = lines.filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(...shown.map(([label]) => label.length));
  for (const [label, value] of shown)
    ctx.stdout(`${ctx.paint.dim(`${label}:`.padEnd(width + 2))}${printable(String(value))}\n`);
}
