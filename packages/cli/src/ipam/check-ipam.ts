import { counted } from '../output/counted.ts';
import { writeFileSync } from 'node:fs';
import { addressesIn, type Leak } from '@muslin/ipam';
import { compareIp, formatIp, formatJson, formatPrefix } from '@muslin/net';
import type { Context } from '../context.ts';
import { reasonOf } from '../files/walk.ts';
import { printable } from '../output/paint.ts';
import type { ExitCode, Input } from '../verb.ts';
import { type Audit, audit, HONESTY, isProven } from './audit.ts';
import { holderText } from './find-address.ts';
import { planLines } from './fix-plan.ts';
import type { Ledger } from './ledger.ts';
import { problemText } from './problem-text.ts';
import { withLedger } from './with-ledger.ts';

/** `muslinctl ipam check`: 0 when all fits together, 1 when something does not. */
export function checkIpam(ctx: Context, input: Input): Promise<ExitCode> {
  return withLedger(ctx, input, async (ledger, client) => {
    const now = ctx.now();
    const done = await audit(client, ledger, now.getTime());
    if (!done.ok) return ctx.fail(1, done.fault);
    const { leaks, problems } = done.value.report;
    const lines = [
      ...countLines(ledger, done.value),
      ...(input.flag('showAllIps') ? allLines(ledger) : []),
      ...(input.flag('showProblemIps') ? problemLines(done.value) : []),
      ...(input.flag('fixPlan') ? planLines(done.value) : []),
      ...(leaks.length > 0 ? HONESTY.split('\n') : []),
      `Check complete; found ${leaks.length + problems.length} problems.`,
    ];
    ctx.stdout(`${lines.map(printable).join('\n')}\n`);
    const file = input.text('output');
    if (file !== undefined) {
      try {
        writeFileSync(file, `${formatJson(reportData(done.value, now), 2)}\n`);
      } catch (cause) {
        return ctx.fail(2, `-o ${file}: ${reasonOf(cause)}`);
      }
    }
    return leaks.length + problems.length === 0 ? 0 : 1;
  });
}

/** What `--from-report` reads. */
export function reportData({ report }: Audit, now: Date) {
  return {
    kind: 'IPAMCheckReport',
    generatedAt: now.toISOString(),
    inUse: report.inUse,
    leaks: report.leaks.map(leak => ({
      ...{ ip: formatIp(leak.ip), block: formatPrefix(leak.block), handleID: leak.handleId },
      ...{ sequence: leak.sequence, holder: holderText(leak.attribute) },
      ...{ node: leak.attribute.secondary['node'], proven: isProven(leak) },
      ...(leak.veto !== undefined && { veto: leak.veto }),
      evidence: leak.evidence.map(({ source, says, message }) => ({ source, says, message })),
    })),
    problems: report.problems.map(problem => ({ code: problem.code, ...problemText(problem) })),
  };
}

const addresses = (count: number) => counted(count, 'address', 'addresses');

function countLines({ inventory }: Ledger, { report, witnesses }: Audit): readonly string[] {
  const proven = report.leaks.filter(isProven).length;
  return [
    `${counted(inventory.blocks.size, 'block')}, ${counted(inventory.affinities.length, 'affinity', 'affinities')}, ${counted(inventory.handles.size, 'handle')}; ${addresses(report.inUse)} in use.`,
    `${counted(witnesses.pods.size, 'pod')} and ${counted(witnesses.nodes.size, 'node')}, ${witnesses.onHost.size} of which tell what they have.`,
    `${counted(report.leaks.length, 'address looks', 'addresses look')} leaked, ${proven} of them proven; ${counted(report.problems.length, 'other problem')}.`,
  ];
}

function allLines({ inventory }: Ledger): readonly string[] {
  return [...addressesIn(inventory)]
    .sort((a, b) => compareIp(a.ip, b.ip))
    .map(
      ({ ip, attribute }) =>
        `  ${formatIp(ip)} ${holderText(attribute)}${attribute.secondary['node'] === undefined ? '' : ` on ${attribute.secondary['node']}`}`,
    );
}

function problemLines({ report }: Audit): readonly string[] {
  return [
    ...report.leaks.map(
      leak =>
        `  ${formatIp(leak.ip)} of ${holderText(leak.attribute)} looks leaked${isProven(leak) ? ', proven' : ''}: ${wordsOf(leak)}`,
    ),
    ...report.problems.map(problem => `  ${problem.code}: ${problemText(problem).what}`),
  ];
}

const wordsOf = ({ evidence, veto }: Leak) =>
  [...evidence.map(({ message }) => message), ...(veto === undefined ? [] : [`but ${veto}`])].join('; ');
