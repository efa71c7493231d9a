import type { ReachRow } from '@muslin/policy';
import type { Family } from '@muslin/net';
import { type Column, formatTable } from '../output/table.ts';
import { mergeFamilies } from './families.ts';
import { endText, endTexts } from './outside.ts';
import { formatDialled } from './ports.ts';

/** One port of one destination; `family` undefined: both families agree, or there is but one. */
export type MergedRow = Omit<ReachRow, 'family'> & { readonly family: Family | undefined };

/** More columns than this do not fit a screen. */
export const MAX_MATRIX_COLUMNS = 12;
const MAX_NAMES = 6;

/** Rows with ends as they are called, and both families joined where they agree. */
export function mergedRows(rows: readonly ReachRow[]): readonly MergedRow[] {
  const named = rows.map(row => ({ ...row, to: endText(row.to), from: endTexts(row.from) }));
  const merged = mergeFamilies(named, ({ to, protocol, port, from }) =>
    JSON.stringify([to, protocol, port, from]),
  );
  const both = new Set(rows.map(row => row.family)).size > 1;
  return both ? merged : merged.map(row => ({ ...row, family: undefined }));
}

/** Sources down, destinations and ports across. */
export function matrixText(ends: readonly string[], rows: readonly MergedRow[]): string {
  const columns: readonly Column<string>[] = [
    { head: 'FROM \\ TO', cell: from => from },
    ...rows.map(row => ({
      head: `${row.to} ${portText(row)}`,
      cell: (from: string) => (from === row.to ? 'self' : row.from.includes(from) ? 'yes' : '-'),
    })),
  ];
  return formatTable(ends, columns);
}

/** One line for each port of each destination. */
export function listText(ends: readonly string[], rows: readonly MergedRow[]): string {
  return formatTable(rows, [
    { head: 'TO', cell: row => row.to },
    { head: 'PORT', cell: portText },
    { head: 'REACHED BY', cell: row => `${row.from.length} of ${ends.length - 1}` },
    { head: 'FROM', cell: row => fewNames(row.from, ends.length - 1) },
  ]);
}

function portText(row: MergedRow): string {
  return `${formatDialled(row)}${row.family === undefined ? '' : ` IPv${row.family}`}`;
}

function fewNames(names: readonly string[], all: number): string {
  if (names.length === all && all > 1) return 'everyone';
  if (names.length === 0) return 'no one';
  const shown = names.slice(0, MAX_NAMES).join(', ');
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown;
}
