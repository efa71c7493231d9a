import { formatOwner, type PodFacts, UID_ATTRIBUTE } from '@muslin/ipam';
import { formatIp, formatPrefix, parseIp, sameIp } from '@muslin/net';
import type { Context } from '../context.ts';
import { formatAge } from '../output/age.ts';
import { writeData } from '../output/data.ts';
import { printable } from '../output/paint.ts';
import type { ExitCode, Input } from '../verb.ts';
import { type Audit, audit, isProven } from './audit.ts';
import { type AddressFacts, findAddress, holderText } from './find-address.ts';
import { withLedger } from './with-ledger.ts';

/** `muslinctl ipam why IP`: why an address is in use, or why it is free. */
export async function whyIp(ctx: Context, input: Input): Promise<ExitCode> {
  const ip = parseIp(input.args[0] ?? '');
  if (!ip.ok) return ctx.fail(2, `${input.args[0]}: ${ip.fault.message}`);
  return withLedger(ctx, input, async (ledger, client) => {
    const audited = await audit(client, ledger, ctx.now().getTime());
    if (!audited.ok) return ctx.fail(1, audited.fault);
    const facts = findAddress(ledger, ip.value);
    const { pods, nodes } = audited.value.witnesses;
    const { held, pool, block, borrower } = facts;
    const { handleId, secondary = {} } = held?.attribute ?? {};
    const { node, timestamp } = secondary;
    const others = [...pods]
      .filter(([, pod]) => pod.ips.some(own => sameIp(own, ip.value)))
      .map(([name]) => name)
      .filter(name => held === undefined || name !== holderText(held.attribute));
    const answer = {
      ip: formatIp(ip.value),
      state: facts.state ?? 'free',
      because: held === undefined ? whyFree(facts, ctx.now()) : `assigned to ${holderText(held.attribute)}`,
      ...(held && { holder: holderHealth(facts, pods) }),
      ...(node !== undefined && { node: nodes.has(node) ? node : `${node}, which is no Node any more` }),
      ...(timestamp !== undefined && { since: `${timestamp} (${formatAge(timestamp, ctx.now())} ago)` }),
      ...(handleId !== undefined && { handle: handleId }),
      block:
        block === undefined
          ? 'none'
          : `${formatPrefix(block.cidr)} of ${block.owner === undefined ? 'nobody' : formatOwner(block.owner)}`,
      ...(borrower !== undefined && {
        borrowed: `by ${borrower}, from a block that is not its own`,
      }),
      pool: pool === undefined ? 'none' : `${pool.name} ${formatPrefix(pool.cidr)}`,
      ...(facts.reserved && { reserved: 'an IPReservation names it: it is only given to who asks for it' }),
      ...verdictOf(facts, audited.value),
      ...(others.length > 0 && { conflict: `Pod ${others.join(', Pod ')} reports it too` }),
    };
    const form = input.text('output');
    if (form === 'json' || form === 'yaml') await writeData(ctx, form, answer);
    else ctx.stdout(textOf(answer));
    return 0;
  });
}

/** Whether a holder seems to be gone, who says so, and what to do. */
function verdictOf(
  { ip, held }: AddressFacts,
  { report, witnesses }: Audit,
): { verdict?: string; next?: string } {
  const leak = report.leaks.find(each => sameIp(each.ip, ip));
  const text = formatIp(ip);
  if (leak === undefined) {
    const { namespace, pod } = held?.attribute.secondary ?? {};
    if (pod === undefined || witnesses.pods.has(`${namespace}/${pod}`)) return {};
    return { verdict: 'too young to be called lost', next: 'look again after 15 minutes' };
  }
  const said = leak.evidence.map(({ message }) => message).join('; ');
  const node = leak.attribute.secondary['node'] ?? 'its node';
  if (leak.veto !== undefined)
    return { verdict: `in use: ${said}, but ${leak.veto}`, next: 'leave it alone' };
  return isProven(leak)
    ? { verdict: `lost, proven: ${said}`, next: `muslinctl ipam release --ip ${text}` }
    : {
        verdict: `lost perhaps, on one word: ${said}`,
        next: `look on ${node} that nothing uses it, then: muslinctl ipam release --ip ${text} --force`,
      };
}

function textOf({ ip, state, because, ...rest }: Readonly<Record<string, string>>): string {
  const rows = Object.entries(rest).map(([name, value]) => `  ${name.padEnd(9)}${value}`);
  return `${[`${ip} is ${state}: ${because}`, ...rows].map(printable).join('\n')}\n`;
}

function holderHealth({ ip, held }: AddressFacts, pods: ReadonlyMap<string, PodFacts>): string {
  const secondary = held?.attribute.secondary ?? {};
  if (secondary['pod'] === undefined) return held === undefined ? '' : holderText(held.attribute);
  const name = `${secondary['namespace']}/${secondary['pod']}`;
  const pod = pods.get(name);
  const uid = secondary[UID_ATTRIBUTE];
  const called = `Pod ${name}${uid === undefined ? '' : `, uid ${uid}`}`;
  if (pod === undefined) return `${called}: the API server has no such pod`;
  if (uid !== undefined && uid !== pod.uid)
    return `${called}: the pod of this name is another one now, uid ${pod.uid}`;
  if (pod.ips.length === 0) return `${called}: reports no address yet`;
  return pod.ips.some(own => sameIp(own, ip))
    ? `${called}: there, with this address`
    : `${called}: there, but with ${pod.ips.map(formatIp).join(', ')}`;
}

function whyFree({ state, pool, block, last }: AddressFacts, now: Date): string {
  if (pool === undefined && block === undefined) return 'no IPPool holds it, so Muslin never gives it out';
  if (block === undefined) return 'no node has claimed its block yet, or the block was given back empty';
  if (state === 'cooling' && last?.releasedAt !== undefined)
    return `released ${formatAge(last.releasedAt, now)} ago by ${holderText(last)}, and not given out yet`;
  if (state === 'reserved') return 'nobody asked for it, and it is reserved';
  return pool?.disabled === true ? 'nobody has it, and its pool is disabled' : 'nobody has it';
}
