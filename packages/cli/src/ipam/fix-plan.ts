import { type Leak, mostAtOnce, releasable } from '@muslin/ipam';
import { formatIp } from '@muslin/net';
import type { Audit } from './audit.ts';
import { isProven } from './audit.ts';
import { problemText } from './problem-text.ts';

/** So many addresses of one kind are told one by one; of more, the first of them and how many. */
const FEW = 8;
/** So many nodes, and problems of one kind. */
const MOST = 20;

/** What to run or wait for, the shortest way first. Nothing is changed. */
export function planLines({ report, witnesses }: Audit): readonly string[] {
  if (report.leaks.length + report.problems.length === 0) return ['Plan: nothing to do.'];
  const free = releasable(report, { floor: Number.MAX_SAFE_INTEGER, share: 1 });
  const ready = (free.ok ? free.value : []).map(({ ip }) => formatIp(ip));
  const isReady = new Set(ready);
  const used = report.leaks.filter(({ veto }) => veto !== undefined);
  const open = report.leaks.filter(leak => leak.veto === undefined && !isReady.has(formatIp(leak.ip)));
  return [
    'Plan:',
    ...releaseLines(ready, mostAtOnce(report.inUse)),
    ...capped(
      [...Map.groupBy(open, ({ attribute }) => attribute.secondary['node'] ?? '')],
      'nodes',
      ([node, leaks]) => openLines(node, leaks, witnesses),
    ),
    ...capped(used, 'addresses', ({ ip, veto }) => [`  leave ${formatIp(ip)} alone: ${veto}`]),
    ...[...Map.groupBy(report.problems, ({ code }) => code)].flatMap(([code, problems]) =>
      capped(problems, `problems of the kind ${code}`, problem => {
        const { what, repair } = problemText(problem);
        return [`  ${what}: ${repair}`];
      }),
    ),
  ];
}

/** How to free what is proven. */
function releaseLines(ips: readonly string[], most: number): readonly string[] {
  if (ips.length <= FEW && ips.length <= most) return ips.map(ip => `  muslinctl ipam release --ip ${ip}`);
  const isMany = ips.length > most;
  return [
    isMany
      ? `  ${ips.length} are proven lost, more than the ${most} that are freed without asking: look at some, such as muslinctl ipam why ${ips[0]}, then:`
      : `  ${ips.length} are proven lost:`,
    '    muslinctl ipam check -o report.json',
    `    muslinctl ipam release --from-report report.json${isMany ? ` --most ${ips.length}` : ''}`,
  ];
}

/** What rests on one word, node by node. */
function openLines(
  node: string,
  leaks: readonly Leak[],
  { nodes, onHost }: Audit['witnesses'],
): readonly string[] {
  const ips = leaks.map(({ ip }) => formatIp(ip));
  const where = node === '' ? 'its node' : node;
  const some = `${ips.slice(0, FEW).join(', ')}${ips.length > FEW ? ` and ${ips.length - FEW} more` : ''}`;
  const release =
    ips.length > FEW
      ? 'muslinctl ipam release --ip … --force'
      : `muslinctl ipam release ${ips.map(ip => `--ip ${ip}`).join(' ')} --force`;
  // Proven themselves, and of a pod whose other address is not.
  if (leaks.every(isProven)) return [`  wait for the other address of their pods: ${some}`];
  if (node === '' || !nodes.has(node))
    return [`  look on ${where} that nothing uses ${some}, then: ${release}`];
  const [what, when] = onHost.has(node) ? ['is not sure', 'once it is'] : ['does not tell', 'once it does'];
  return [
    `  ${node} ${what} what it has (kubectl get addressnodestatuses ${node}): ${when}, check again`,
    `    or look there that nothing uses ${some}, then: ${release}`,
  ];
}

/** Lines for the first of many, and one for the rest. */
function capped<T>(
  all: readonly T[],
  what: string,
  linesOf: (one: T) => readonly string[],
): readonly string[] {
  const rest = all.length - MOST;
  return [
    ...all.slice(0, MOST).flatMap(linesOf),
    ...(rest > 0 ? [`  and ${rest} more ${what}: muslinctl ipam check -o report.json names all`] : []),
  ];
}
