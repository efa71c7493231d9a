import { readFileSync } from 'node:fs';
import {
  drive,
  formatOwner,
  type Leak,
  mostAtOnce,
  releasable,
  releaseIp,
  type Sequence,
} from '@muslin/ipam';
import { ipamStore, type KubeClient } from '@muslin/kube';
import { fail, formatIp, type Ip, ok, parseIp, parseJson, type Result, sameIp } from '@muslin/net';
import type { Context } from '../context.ts';
import { listAt, textAt, valueAt } from '../files/json.ts';
import { reasonOf } from '../files/walk.ts';
import type { ExitCode, Input } from '../verb.ts';
import { type Audit, audit } from './audit.ts';
import { type AddressFacts, findAddress, holderText } from './find-address.ts';
import type { Ledger } from './ledger.ts';
import { type About, ReleaseRecord } from './release-record.ts';
import { withLedger } from './with-ledger.ts';

/** An address to free; `life` when a report named one life of it. */
interface Wanted {
  readonly ip: Ip;
  readonly life?: { readonly handleId: string | undefined; readonly sequence: Sequence | undefined };
}

/** `muslinctl ipam release --ip IP… | --from-report FILE [--force]` */
export async function releaseIps(ctx: Context, input: Input): Promise<ExitCode> {
  const texts = input.list('ip');
  const files = input.list('fromReport');
  if ((texts.length === 0) === (files.length === 0))
    return ctx.fail(2, 'name addresses with --ip, or reports with --from-report, and not both');
  const wanted = texts.length > 0 ? readIps(texts) : readReports(files);
  if (!wanted.ok) return ctx.fail(2, wanted.fault);
  const force = input.flag('force');
  const most = input.text('most');
  if (most !== undefined && !/^[1-9]\d{0,8}$/.test(most)) return ctx.fail(2, `--most ${most}: is no number`);
  return withLedger(ctx, input, async (ledger, client) => {
    const now = ctx.now().getTime();
    const audited = await audit(client, ledger, now);
    if (!audited.ok) return ctx.fail(1, audited.fault);
    const plan = planOf(wanted.value, ledger, audited.value, force, Number(most ?? 0));
    if (!plan.ok) return ctx.fail(1, plan.fault);
    const complaints = [...plan.value.refused];
    const record = new ReleaseRecord(client, ctx.now());
    for (const address of plan.value.free) {
      const done = await free(client, ledger, address, now);
      if (done === undefined) {
        ctx.stdout(`Successfully released IP address ${formatIp(address.ip)}\n`);
        await record.add(aboutOf(address, audited.value), lineOf(address, audited.value, force));
      } else complaints.push(done);
    }
    const unwritten = await record.end();
    if (unwritten !== undefined)
      ctx.stderr(`warning: ipam history will not know of it, its Event can't be written: ${unwritten}\n`);
    return complaints.length === 0 ? 0 : ctx.fail(1, ...complaints);
  });
}

/** The node that had the address; without it, its pool. */
function aboutOf({ held, pool }: AddressFacts, { witnesses }: Audit): About {
  const node = held?.attribute.secondary['node'];
  if (node !== undefined && witnesses.nodes.has(node)) return { apiVersion: 'v1', kind: 'Node', name: node };
  return pool === undefined
    ? { apiVersion: 'v1', kind: 'Namespace', name: 'default' }
    : { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', name: pool.name };
}

/** Who had the address, and what speaks for its loss. */
function lineOf({ ip, held }: AddressFacts, { report }: Audit, force: boolean): string {
  const words = report.leaks.find(leak => sameIp(leak.ip, ip))?.evidence.map(({ message }) => message) ?? [];
  const why = [...words, ...(force ? ['--force'] : [])].join('; ');
  return `freed ${formatIp(ip)} of ${held === undefined ? 'nobody' : holderText(held.attribute)}: ${why}`;
}

/** Which to free, and a sentence for each that is not; a fault when it would be too many at once. */
function planOf(
  wanted: readonly Wanted[],
  ledger: Ledger,
  { report }: Audit,
  force: boolean,
  allowed: number,
): Result<{ readonly free: readonly AddressFacts[]; readonly refused: readonly string[] }, string> {
  const proven = releasable(report, { floor: Number.MAX_SAFE_INTEGER, share: 1 });
  const ready = new Set(proven.ok ? proven.value.map(({ ip }) => formatIp(ip)) : []);
  const leaks = new Map(report.leaks.map(leak => [formatIp(leak.ip), leak]));
  const free: AddressFacts[] = [];
  const refused: string[] = [];
  for (const { ip, life } of wanted) {
    const facts = findAddress(ledger, ip);
    const text = formatIp(ip);
    const why = refusal(facts, life, leaks.get(text), ready.has(text), force);
    if (why === undefined) free.push(facts);
    else refused.push(`${text} is not released: ${why}`);
  }
  const most = Math.max(allowed, mostAtOnce(report.inUse));
  if (free.length > most && !force)
    return fail(
      `nothing is released: ${free.length} of ${report.inUse} addresses are more than the ${most} that are freed without asking. Look at "muslinctl ipam check --show-problem-ips"; if they are lost, --most ${free.length} frees them`,
    );
  return ok({ free, refused });
}

function refusal(
  { held }: AddressFacts,
  life: Wanted['life'],
  leak: Leak | undefined,
  proven: boolean,
  force: boolean,
): string | undefined {
  if (held === undefined) return 'it is not in use';
  const { handleId } = held.attribute;
  if (life !== undefined && (life.handleId !== handleId || life.sequence !== held.sequence))
    return `the report is about an earlier life of it; now it is held by ${holderText(held.attribute)}`;
  // A report is evidence of leaks; --force widens what counts as one, and never to holders that live.
  if (leak === undefined && (life !== undefined || !force))
    return `${holderText(held.attribute)} is there or too young to be called gone${life === undefined ? '. --force frees it all the same, and breaks its network' : ''}`;
  if (proven || force) return undefined;
  if (leak?.veto !== undefined) return `${leak.veto}: it is in use there`;
  const words = leak?.evidence.map(({ message }) => message).join('; ') ?? '';
  return `only one witness: ${words}. Look on ${held.attribute.secondary['node'] ?? 'its node'} that nothing uses it, then use --force`;
}

/** Frees that life of the address and no other; a sentence when it could not. */
async function free(
  client: KubeClient,
  { config }: Ledger,
  { ip, block, held }: AddressFacts,
  now: number,
): Promise<string | undefined> {
  if (block === undefined || held === undefined) return `${formatIp(ip)} is not in use`;
  const { handleId } = held.attribute;
  const expected = {
    ...(handleId !== undefined && { handleId }),
    ...(held.sequence !== undefined && { sequence: held.sequence }),
  };
  const done = await drive(
    releaseIp(block.cidr, ip, expected, { now, cooldownMs: config.cooldownMs }),
    ipamStore(client),
  );
  if (done.ok) return undefined;
  const owner = block.owner === undefined ? '' : ` of ${formatOwner(block.owner)}`;
  return `${formatIp(ip)}${owner}: ${done.fault.message}`;
}

function sequenceAt(leak: unknown): Sequence | undefined {
  const value = valueAt(leak, 'sequence');
  return typeof value === 'number' || typeof value === 'bigint' ? value : undefined;
}

function readIps(texts: readonly string[]): Result<readonly Wanted[], string> {
  const wanted = new Map<string, Wanted>();
  for (const text of texts) {
    const ip = parseIp(text);
    if (!ip.ok) return fail(`--ip ${text}: ${ip.fault.message}`);
    wanted.set(formatIp(ip.value), { ip: ip.value });
  }
  return ok([...wanted.values()]);
}

/** Only what every report names: two of them, some time apart, are better evidence than one. */
function readReports(files: readonly string[]): Result<readonly Wanted[], string> {
  let common: Map<string, Wanted> | undefined;
  for (const file of files) {
    let report: unknown;
    try {
      report = parseJson(readFileSync(file, 'utf8'));
    } catch (cause) {
      return fail(`--from-report ${file}: ${cause instanceof SyntaxError ? 'is not JSON' : reasonOf(cause)}`);
    }
    if (textAt(report, 'kind') !== 'IPAMCheckReport')
      return fail(
        `--from-report ${file}: kind is not IPAMCheckReport; write one with "muslinctl ipam check -o"`,
      );
    const found = new Map<string, Wanted>();
    for (const [i, leak] of listAt(report, 'leaks').entries()) {
      const ip = parseIp(textAt(leak, 'ip') ?? '');
      if (!ip.ok) return fail(`--from-report ${file}: leaks[${i}].ip: ${ip.fault.message}`);
      const life = { handleId: textAt(leak, 'handleID'), sequence: sequenceAt(leak) };
      found.set(`${formatIp(ip.value)} ${life.handleId} ${life.sequence}`, { ip: ip.value, life });
    }
    const before: Map<string, Wanted> | undefined = common;
    common = before === undefined ? found : new Map([...found].filter(([key]) => before.has(key)));
  }
  return ok([...(common?.values() ?? [])]);
}
