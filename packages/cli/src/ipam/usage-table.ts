import { type BlockUsage, type ClusterUsage, formatOwner, type Usage, usageOf } from '@muslin/ipam';
import { formatPrefix } from '@muslin/net';
import { formatGrid, type GridColumn } from '../output/grid.ts';
import type { Ledger } from './ledger.ts';

interface Row extends Usage {
  readonly grouping: string;
  readonly cidr: string;
}

const share = (row: Row, count: number) =>
  `${numberText(count)} (${row.total === 0 ? 0 : Math.round((count / row.total) * 100)}%)`;

/** calicoctl's columns (`ipam show`), and addresses that cool down, last as there, where there are any. */
const COLUMNS: readonly GridColumn<Row>[] = [
  { head: 'GROUPING', cell: row => row.grouping },
  { head: 'CIDR', cell: row => row.cidr },
  { head: 'IPS TOTAL', cell: row => numberText(row.total), right: true },
  { head: 'IPS IN USE', cell: row => share(row, row.inUse), right: true },
  { head: 'IPS RESERVED', cell: row => share(row, row.reserved), right: true },
  { head: 'IPS FREE', cell: row => share(row, row.free), right: true },
];
const COOLING: GridColumn<Row> = { head: 'IPS COOLING', cell: row => share(row, row.cooling), right: true };

/** The table of pools, or of pools and their blocks. */
export function usageTable(usage: ClusterUsage, withBlocks: boolean): string {
  const blockRow = (block: BlockUsage): Row => ({
    ...block,
    grouping: 'Block',
    cidr: formatPrefix(block.block.cidr),
  });
  const rows = usage.pools.flatMap((pool): readonly Row[] => [
    { ...pool, grouping: 'IP Pool', cidr: formatPrefix(pool.pool.cidr) },
    ...(withBlocks ? pool.blocks.map(blockRow) : []),
  ]);
  const strays = usage.strays.map(block => ({ ...blockRow(block), grouping: 'Block without pool' }));
  const all = [...rows, ...strays];
  const cooling = all.some(row => row.cooling > 0);
  return formatGrid(all, cooling ? [...COLUMNS, COOLING] : COLUMNS);
}

/** The same as data. */
export function usageData(usage: ClusterUsage) {
  const counts = ({ total, inUse, borrowed, cooling, reserved, free }: BlockUsage) => ({
    ...{ total, inUse, borrowed, cooling, reserved, free },
  });
  const blockData = (block: BlockUsage) => ({
    cidr: formatPrefix(block.block.cidr),
    ...(block.block.owner && { owner: formatOwner(block.block.owner) }),
    ...counts(block),
  });
  return {
    pools: usage.pools.map(({ pool, blocks, total, inUse, borrowed, cooling, reserved, free }) => ({
      ...{ name: pool.name, cidr: formatPrefix(pool.cidr), disabled: pool.disabled },
      ...{ total, inUse, borrowed, cooling, reserved, free },
      blocks: blocks.map(blockData),
    })),
    blocksWithoutPool: usage.strays.map(blockData),
  };
}

export const ledgerUsage = ({ inventory, pools, reservations }: Ledger) =>
  usageOf(inventory, pools, reservations);

/** Exact up to a million million, then `1.8447e+19`. */
function numberText(count: number): string {
  return count < 1e12 ? String(count) : count.toExponential(4);
}
