import { counted } from '../output/counted.ts';
import type { ConnectionGroup, ConnectivityDiff } from '@muslin/policy';
import type { Paint } from '../output/paint.ts';
import { type Column, formatTable } from '../output/table.ts';
import { type FamiliesOf, type JoinedGroup, joinFamilies } from './families.ts';
import { endTexts } from './outside.ts';
import { formatDialled } from './ports.ts';

/** Connections of one port that came or went. */
export interface ChangeRow extends JoinedGroup {
  readonly change: 'gained' | 'lost';
}

const MAX_NAMES = 8;

/** The rows of a diff: what was lost first, as that is what hurts. */
export function changesOf({ gained, lost }: ConnectivityDiff, familiesOf: FamiliesOf): readonly ChangeRow[] {
  const rows = (groups: readonly ConnectionGroup[], change: ChangeRow['change']) =>
    joinFamilies(groups.map(named), familiesOf).map(row => ({ ...row, change }));
  return [...rows(lost, 'lost'), ...rows(gained, 'gained')];
}

const named = (group: ConnectionGroup) => ({
  ...group,
  from: endTexts(group.from),
  to: endTexts(group.to),
});

/** Number of connections: an end to itself is none. */
export function countOf(rows: readonly ChangeRow[], change: ChangeRow['change']): number {
  return rows
    .filter(row => row.change === change)
    .reduce(
      (sum, { from, to }) => sum + from.length * to.length - from.filter(end => to.includes(end)).length,
      0,
    );
}

/** `3 connections lost, 1 gained`. */
function summaryText(rows: readonly ChangeRow[]): string {
  const [lost, gained] = [countOf(rows, 'lost'), countOf(rows, 'gained')];
  if (lost + gained === 0) return 'No connections gained or lost.';
  return `${counted(lost, 'connection')} lost, ${gained} gained.`;
}

export function diffText(rows: readonly ChangeRow[], paint: Paint): string {
  if (rows.length === 0) return `${summaryText(rows)}\n`;
  const columns: readonly Column<ShownRow>[] = [
    {
      head: 'CHANGE',
      cell: row => row.change,
      paint: (text, row) => (row.change === 'gained' ? paint.good(text) : paint.bad(text)),
    },
    { head: 'PORT', cell: portText },
    { head: 'FROM', cell: row => names(row.from) },
    { head: 'TO', cell: row => names(row.to) },
  ];
  return `${formatTable(shortened(rows), columns)}\n${summaryText(rows)}\n`;
}

/** A comment for a pull request (GitHub Flavored Markdown tables). */
export function diffMarkdown(rows: readonly ChangeRow[]): string {
  const title = '### Connectivity';
  if (rows.length === 0) return `${title}\n\n${summaryText(rows)}\n`;
  const code = (ends: readonly string[]) => names(ends.map(end => `\`${end.replace(/[`|]/g, '')}\``));
  const lines = shortened(rows).map(
    row => `| ${row.change} | ${portText(row)} | ${code(row.from)} | ${code(row.to)} |`,
  );
  return [
    title,
    '',
    `**${summaryText(rows)}**`,
    '',
    '| Change | Port | From | To |',
    '|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

/** A row as it is shown: it stands for all ports with the same ends. */
interface ShownRow extends ChangeRow {
  readonly ports: readonly number[];
}

/** One row for ports that the same ends gained or lost. */
function shortened(rows: readonly ChangeRow[]): readonly ShownRow[] {
  const byEnds = Map.groupBy(rows, ({ change, protocol, family, from, to }) =>
    JSON.stringify([change, protocol, family, from, to]),
  );
  return [...byEnds.values()].flatMap(same => {
    const [first] = same;
    return first === undefined ? [] : [{ ...first, ports: same.map(({ port }) => port) }];
  });
}

function portText(row: ShownRow): string {
  const others = row.ports.slice(0, -1).map(port => `${port}, `);
  const last = { ...row, port: row.ports.at(-1) ?? row.port };
  return `${others.join('')}${formatDialled(last)}${row.family === undefined ? '' : ` IPv${row.family}`}`;
}

function names(ends: readonly string[]): string {
  const shown = ends.slice(0, MAX_NAMES).join(', ');
  return ends.length > MAX_NAMES ? `${shown} and ${ends.length - MAX_NAMES} more` : shown;
}
