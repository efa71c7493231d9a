import { printable } from './paint.ts';
import type { Column } from './table.ts';

/** A column of a framed table; `right`: its cells end at the right edge, as numbers do. */
export interface GridColumn<Row> extends Pick<Column<Row>, 'head' | 'cell'> {
  readonly right?: true;
}

/** A table in a frame, as calicoctl draws it for `node status` and `ipam show`; an empty cell stays empty. */
export function formatGrid<Row>(rows: readonly Row[], columns: readonly GridColumn<Row>[]): string {
  const cells = rows.map(row => columns.map(({ cell }) => printable(String(cell(row) ?? ''))));
  const widths = columns.map(({ head }, i) =>
    cells.reduce((width, row) => Math.max(width, row[i]?.length ?? 0), head.length),
  );
  const rule = `+${widths.map(width => '-'.repeat(width + 2)).join('+')}+`;
  const line = (texts: readonly string[]) => {
    const padded = texts.map((text, i) =>
      columns[i]?.right ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0),
    );
    return `| ${padded.join(' | ')} |`;
  };
  return `${[rule, line(columns.map(({ head }) => head)), rule, ...cells.map(line), rule].join('\n')}\n`;
}
