import { addressesOf, borrowerOf, formatOwner } from '@muslin/ipam';
import { formatIp, formatPrefix, type Ip, parseIp } from '@muslin/net';
import type { Context } from '../context.ts';
import { writeData } from '../output/data.ts';
import { formatGrid } from '../output/grid.ts';
import { printable } from '../output/paint.ts';
import type { ExitCode, Input } from '../verb.ts';
import { mapText } from './block-map.ts';
import { findAddress, holderText } from './find-address.ts';
import type { Ledger } from './ledger.ts';
import { ledgerUsage, usageData, usageTable } from './usage-table.ts';
import { withLedger } from './with-ledger.ts';

/** Options that choose what is shown: at most one. */
const CHOICES = ['ip', 'showBlocks', 'showBorrowed', 'showConfiguration', 'map'] as const;

/** One view: as text and as data. */
interface View {
  readonly text: () => string;
  readonly data: () => unknown;
}

/** `muslinctl ipam show` */
export async function showIpam(ctx: Context, input: Input): Promise<ExitCode> {
  const chosen = CHOICES.filter(name => input.flag(name) || input.text(name) !== undefined);
  if (chosen.length > 1)
    return ctx.fail(2, 'choose one of --ip, --show-blocks, --show-borrowed, --show-configuration and --map');
  const ip = input.text('ip') === undefined ? undefined : parseIp(input.text('ip') ?? '');
  if (ip?.ok === false) return ctx.fail(2, `--ip: ${ip.fault.message}`);
  return withLedger(ctx, input, async ledger => {
    const view = ip === undefined ? viewOf(ledger, chosen[0], ctx) : addressView(ledger, ip.value);
    const form = input.text('output');
    if (form === 'json' || form === 'yaml') await writeData(ctx, form, view.data());
    else ctx.stdout(view.text());
    return 0;
  });
}

function viewOf(ledger: Ledger, chosen: (typeof CHOICES)[number] | undefined, ctx: Context): View {
  switch (chosen) {
    case 'showBorrowed':
      return borrowedView(ledger);
    case 'showConfiguration':
      return configurationView(ledger);
    case 'map':
      return { text: () => mapText(ledger, ctx), data: () => usageData(ledgerUsage(ledger)) };
    default: {
      const usage = ledgerUsage(ledger);
      return { text: () => usageTable(usage, chosen === 'showBlocks'), data: () => usageData(usage) };
    }
  }
}

function addressView(ledger: Ledger, ip: Ip): View {
  const { held, pool, block } = findAddress(ledger, ip);
  const text = formatIp(ip);
  const data = {
    ...{ ip: text, inUse: held !== undefined, pool: pool?.name },
    ...(block && { block: formatPrefix(block.cidr) }),
    ...(held && { handleID: held.attribute.handleId, attributes: held.attribute.secondary }),
  };
  const lines =
    held === undefined
      ? [`${text} is not assigned`]
      : [
          `IP ${text} is in use`,
          `Handle ID: ${held.attribute.handleId ?? '<none>'}`,
          'Attributes:',
          ...Object.entries(held.attribute.secondary)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([name, value]) => `  ${name}: ${value}`),
        ];
  return { text: () => `${lines.map(printable).join('\n')}\n`, data: () => data };
}

function borrowedView({ inventory }: Ledger): View {
  const rows = [...inventory.blocks.values()].flatMap(block =>
    addressesOf(block).flatMap(({ ip, attribute }) => {
      // What is left in a block that lost its node counts as borrowed from nobody, as in calicoctl.
      const borrower =
        block.owner === undefined ? attribute.secondary['node'] : borrowerOf(block.owner, attribute);
      if (borrower === undefined) return [];
      return [
        {
          ...{ ip: formatIp(ip), borrowingNode: borrower, block: formatPrefix(block.cidr) },
          ...{
            blockOwner: block.owner === undefined ? '' : formatOwner(block.owner),
            type: attribute.secondary['type'] ?? 'pod',
          },
          allocatedTo: holderText(attribute),
        },
      ];
    }),
  );
  const text = () =>
    formatGrid(rows, [
      { head: 'IP', cell: row => row.ip },
      { head: 'BORROWING-NODE', cell: row => row.borrowingNode },
      { head: 'BLOCK', cell: row => row.block },
      // The owner of a node's block is told by its bare name, as calicoctl does.
      { head: 'BLOCK OWNER', cell: row => row.blockOwner.replace(/^host:/, '') },
      { head: 'TYPE', cell: row => row.type },
      { head: 'ALLOCATED-TO', cell: row => row.allocatedTo },
    ]);
  return { text, data: () => rows };
}

function configurationView({ config }: Ledger): View {
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost, cooldownMs } = config;
  const data = {
    ...{ strictAffinity, autoAllocateBlocks, maxBlocksPerHost, ipCooldownSeconds: cooldownMs / 1000 },
  };
  const names = {
    strictAffinity: 'StrictAffinity',
    autoAllocateBlocks: 'AutoAllocateBlocks',
    maxBlocksPerHost: 'MaxBlocksPerHost',
    ipCooldownSeconds: 'IPCooldownSeconds',
  } as const;
  const rows = Object.entries(data) as [keyof typeof names, boolean | number][];
  const text = () =>
    formatGrid(rows, [
      { head: 'PROPERTY', cell: ([name]) => names[name] },
      { head: 'VALUE', cell: ([, value]) => String(value) },
    ]);
  return { text, data: () => data };
}
