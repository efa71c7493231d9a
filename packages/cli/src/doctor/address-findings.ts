import { counted } from '../output/counted.ts';
import type { KubeClient } from '@muslin/kube';
import { formatIp, formatPrefix, prefixesOverlap } from '@muslin/net';
import { audit, isProven } from '../ipam/audit.ts';
import type { Ledger } from '../ipam/ledger.ts';
import { readLedger } from '../ipam/ledger.ts';
import { problemText } from '../ipam/problem-text.ts';
import { ledgerUsage } from '../ipam/usage-table.ts';
import type { Finding } from './finding.ts';

const NEARLY_FULL = 0.9;

/** Pools that are full or overlap, addresses that are lost, and ledger entries that contradict each other. */
export async function addressFindings(client: KubeClient, now: Date): Promise<readonly Finding[]> {
  const ledger = await readLedger(client);
  if (!ledger.ok) return [unread(ledger.fault)];
  const found = await audit(client, ledger.value, now.getTime());
  return [
    ...overlaps(ledger.value),
    ...fullPools(ledger.value),
    ...(found.ok ? auditFindings(found.value.report) : [unread(found.fault)]),
  ];
}

function unread(fault: string): Finding {
  return {
    ...{ severity: 'problem', area: 'addresses', object: 'IPAM', code: 'not-readable' },
    reason: `addresses were not examined: ${fault}`,
    fix: 'mend that first, then ask again',
  };
}

function overlaps({ pools }: Ledger): readonly Finding[] {
  return pools.flatMap((pool, i) =>
    pools
      .slice(i + 1)
      .filter(other => prefixesOverlap(pool.cidr, other.cidr))
      .map(
        (other): Finding => ({
          ...{
            severity: 'problem',
            area: 'addresses',
            object: `IPPool ${other.name}`,
            code: 'pools-overlap',
          },
          reason: `its ${formatPrefix(other.cidr)} overlaps with ${formatPrefix(pool.cidr)} of IPPool ${pool.name}: an address could be given out twice`,
          fix: 'disable one of them, move its pods, and delete it',
        }),
      ),
  );
}

function fullPools(ledger: Ledger): readonly Finding[] {
  return ledgerUsage(ledger)
    .pools.filter(({ pool, total }) => !pool.disabled && total > 0)
    .flatMap(({ pool, total, free }): readonly Finding[] => {
      const used = 1 - free / total;
      if (used < NEARLY_FULL) return [];
      const full = free === 0;
      return [
        {
          ...{
            area: 'addresses',
            object: `IPPool ${pool.name}`,
            code: full ? 'pool-full' : 'pool-nearly-full',
          },
          severity: full ? 'problem' : 'warning',
          reason: full
            ? `all ${total} addresses of ${formatPrefix(pool.cidr)} are taken: no pod starts that needs one of them`
            : `${free} of ${total} addresses of ${formatPrefix(pool.cidr)} are free`,
          fix: 'create a further IPPool; nodes take blocks of it at once',
        },
      ];
    });
}

type Report = Extract<Awaited<ReturnType<typeof audit>>, { ok: true }>['value']['report'];

function auditFindings({ leaks, problems }: Report): readonly Finding[] {
  const proven = leaks.filter(isProven).length;
  const [first] = leaks;
  return [
    ...(first === undefined
      ? []
      : [
          {
            ...{ severity: 'warning' as const, area: 'addresses' as const, code: 'addresses-leaked' },
            object: counted(leaks.length, 'address', 'addresses'),
            reason: `${formatIp(first.ip)}${leaks.length === 1 ? '' : ` and ${leaks.length - 1} more`} belong to pods that are gone; of ${proven} their nodes are gone, too`,
            fix: 'muslinctl ipam check --fix-plan',
          },
        ]),
    ...problems.map((problem): Finding => {
      const { what, repair } = problemText(problem);
      const grave = ['double-owner', 'other-holder', 'not-assigned', 'overlapping-blocks'].includes(
        problem.code,
      );
      return {
        ...{ severity: grave ? 'problem' : 'warning', area: 'addresses', object: 'IPAM', code: problem.code },
        ...{ reason: what, fix: repair },
      };
    }),
  ];
}
