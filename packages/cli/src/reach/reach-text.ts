import type { ReachRow } from '@muslin/policy';
import { type Column, formatTable } from '../output/table.ts';
import { type FamiliesOf, type JoinedGroup, joinFamilies } from './families.ts';
import { endText, endTexts } from './outside.ts';
import { formatDialled } from './ports.ts';

/** One port of one destination; `family` undefined: every family that both ends have. */
export interface NamedRow extends Omit<JoinedGroup, 'to'> {
  readonly to: string;
}

/** More columns than this do not fit a screen. */
export const MAX_MATRIX_COLUMNS = 12;
const MAX_NAMES = 6;

/** Rows with ends as they are called, and both families joined where they agree. */
export function namedRows(rows: readonly ReachRow[], familiesOf: FamiliesOf): readonly NamedRow[] {
  const groups = rows.map(row => ({ ...row, to: [endText(row.to)], from: endTexts(row.from) }));
  return joinFamilies(groups, familiesOf).map(group => ({ ...group, to: group.to[0] ?? '' }));
}

/** Sources down, destinations and ports across. */
export function matrixText(ends: readonly string[], rows: readonly NamedRow[]): string {
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
export function listText(ends: readonly string[], rows: readonly NamedRow[]): string {
  return formatTable(rows, [
    { head: 'TO', cell: row => row.to },
    { head: 'PORT', cell: portText },
    { head: 'REACHED BY', cell: row => `${row.from.length} of ${ends.length - 1}` },
    { head: 'FROM', cell: row => fewNames(row.from, ends.length - 1) },
  ]);
}

function portText(row: NamedRow): string {
  return `${formatDialled(row)}${row.family === undefined ? '' : ` IPv${row.family}`}`;
}

function fewNames(names: readonly string[], all: number): string {
  if (names.length === all && all > 1) return 'everyone';
  if (names.length === 0) return 'no one';
  const shown = names.slice(0, MAX_NAMES).join(', ');
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown;
}
