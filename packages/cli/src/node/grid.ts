import { printable } from '../output/paint.ts';

/** A table in a frame, as calicoctl draws it. */
export function formatGrid(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const safe = rows.map(row => row.map(printable));
  const widths = heads.map((head, i) => Math.max(head.length, ...safe.map(row => row[i]?.length ?? 0)));
  const rule = `+${widths.map(width => '-'.repeat(width + 2)).join('+')}+`;
  const line = (cells: readonly string[]) =>
    `|${cells.map((cell, i) => ` ${cell.padEnd(widths[i] ?? 0)} `).join('|')}|`;
  return `${[rule, line(heads), rule, ...safe.map(line), rule].join('\n')}\n`;
}
