import { addressStates, ordinalOf } from '@muslin/ipam';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, formatIp, type Ip, ok, parseIp, parsePrefix, prefixHas, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { listAt, textAt } from '../files/json.ts';
import { faultText } from '../live/fault-text.ts';
import { writeData } from '../output/data.ts';
import { printable } from '../output/paint.ts';
import { formatTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';
import { findAddress, holderText } from './find-address.ts';
import type { Ledger } from './ledger.ts';
import { withLedger } from './with-ledger.ts';

/** One thing that happened to an address. */
interface Happened {
  readonly at: string;
  readonly what: string;
  readonly who: string;
  /** Who says so: a node's ledger, the block, or an Event. */
  readonly source: string;
  readonly why: string;
  readonly handle?: string;
}

/** Reasons of the collector's Events, and what they say happened. */
const EVENTS: Readonly<Record<string, string>> = {
  AddressFreed: 'freed',
  AddressKept: 'kept',
  AddressLost: 'lost',
  BlockFreed: 'freed',
};

/** `muslinctl ipam history IP`: what is still known of who had an address, when and why; oldest first. */
export async function historyIp(ctx: Context, input: Input): Promise<ExitCode> {
  const ip = parseIp(input.args[0] ?? '');
  if (!ip.ok) return ctx.fail(2, `${input.args[0]}: ${ip.fault.message}`);
  return withLedger(ctx, input, async (ledger, client) => {
    const told = await listed(client, 'AddressNodeStatus');
    if (!told.ok) return ctx.fail(1, told.fault);
    const events = await listed(client, 'Event');
    if (!events.ok) return ctx.fail(1, events.fault);
    const text = formatIp(ip.value);
    const byNodes = told.value.flatMap(object => ofNode(object, text));
    const byBlock = ofBlock(ledger, ip.value).filter(
      ({ what, handle }) => !byNodes.some(each => each.what === what && each.handle === handle),
    );
    const all = [...byNodes, ...byBlock, ...events.value.flatMap(event => ofEvent(event, ip.value))].sort(
      (a, b) => Date.parse(a.at) - Date.parse(b.at),
    );
    const form = input.text('output');
    if (form === 'json' || form === 'yaml') await writeData(ctx, form, { ip: text, history: all });
    else if (all.length === 0) ctx.stdout(`nothing is known of ${text}\n`);
    else
      ctx.stdout(
        formatTable(all, [
          { head: 'TIME', cell: row => row.at },
          { head: 'WHAT', cell: row => row.what },
          { head: 'WHO', cell: row => printable(row.who) },
          { head: 'TOLD BY', cell: row => printable(row.source) },
          { head: 'WHY', cell: row => printable(row.why) },
        ]),
      );
    return 0;
  });
}

async function listed(
  client: KubeClient,
  kind: 'AddressNodeStatus' | 'Event',
): Promise<Result<readonly AnyObject[], string>> {
  const answer = await client.listAll<AnyObject>(RESOURCES[kind]);
  if (answer.ok) return ok(answer.value.items);
  return answer.fault.code === 'NotFound' ? ok([]) : fail(faultText(answer.fault));
}

function ofNode(object: AnyObject, ip: string): readonly Happened[] {
  const node = object.metadata.name ?? '';
  return listAt(object, 'status', 'ledger')
    .filter(entry => listAt(entry, 'ips').includes(ip))
    .map(entry => ({
      at: textAt(entry, 'at') ?? '',
      what: textAt(entry, 'what') ?? '',
      who: textAt(entry, 'who') ?? textAt(entry, 'handle') ?? '',
      source: `node ${node}`,
      why: textAt(entry, 'why') ?? '',
      handle: textAt(entry, 'handle') ?? '',
    }));
}

/** What the block itself remembers: its holder, or the last one while the address cools down. */
function ofBlock(ledger: Ledger, ip: Ip): readonly Happened[] {
  const { block, last } = findAddress(ledger, ip);
  if (block === undefined || last === undefined) return [];
  const who = holderText(last);
  const { timestamp = '', node = 'nobody' } = last.secondary;
  const source = `block of ${node}`;
  const handle = last.handleId === undefined ? {} : { handle: last.handleId };
  const state = addressStates(block, ledger.reservations)[ordinalOf(block, ip) ?? -1];
  return [
    { at: timestamp, what: 'assigned', who, source, why: `the block says so: ${state}`, ...handle },
    ...(last.releasedAt === undefined
      ? []
      : [{ at: last.releasedAt, what: 'released', who, source, why: 'it cools down', ...handle }]),
  ].filter(({ at }) => at !== '');
}

function ofEvent(event: AnyObject, ip: Ip): readonly Happened[] {
  const what = EVENTS[textAt(event, 'reason') ?? ''];
  if (what === undefined) return [];
  // An Event may tell of many.
  const message = (textAt(event, 'message') ?? '').split(' | ').find(line => isAbout(line, ip));
  if (message === undefined) return [];
  const at = textAt(event, 'lastTimestamp') ?? textAt(event, 'firstTimestamp') ?? '';
  const byHand = textAt(event, 'source', 'component') === 'muslinctl';
  const who = byHand
    ? `${textAt(event, 'reportingInstance') ?? 'somebody'}, with muslinctl`
    : 'the collector';
  return [{ at, what, who, source: 'Event', why: message }];
}

/** Whether a line names the address, or a block that holds it. */
function isAbout(line: string, ip: Ip): boolean {
  return line.split(/[\s,;]+/).some(word => {
    const text = word.replace(/:$/, '');
    if (text === formatIp(ip)) return true;
    const cidr = text.includes('/') ? parsePrefix(text) : undefined;
    return cidr?.ok === true && prefixHas(cidr.value, ip);
  });
}
