import { printable } from './paint.ts';

/** One column of a table over rows of type `T`. */
export interface Column<T> {
  /** Upper case, as kubectl heads its columns. */
  readonly head: string;
  readonly cell: (row: T) => string | number | undefined;
  /** Only with `-o wide`. */
  readonly wide?: true;
  /** Colours the padded cell. */
  readonly paint?: (text: string, row: T) => string;
}

const GAP = '   ';

/**
 * Lays rows out the way kubectl does: upper-case heads, columns three spaces apart, no trailing spaces. An empty
 * cell shows `<none>`. Ends with a line feed; no rows give the heads alone.
 */
export function formatTable<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  options: { readonly wide?: boolean; readonly headless?: boolean } = {},
): string {
  const shown = columns.filter(column => options.wide || !column.wide);
  const cells = rows.map(row => shown.map(column => cellText(column.cell(row))));
  const widths = shown.map((column, i) =>
    cells.reduce(
      (width, row) => Math.max(width, row[i]?.length ?? 0),
      options.headless ? 0 : column.head.length,
    ),
  );
  const line = (texts: readonly string[], row?: T) =>
    texts
      .map((text, i) => {
        const padded = i === texts.length - 1 ? text : text.padEnd(widths[i] ?? 0);
        const paint = shown[i]?.paint;
        return row !== undefined && paint ? paint(padded, row) : padded;
      })
      .join(GAP);
  const heads = options.headless ? [] : [line(shown.map(column => column.head))];
  return `${[...heads, ...cells.map((texts, i) => line(texts, rows[i]))].join('\n')}\n`;
}

/**
 * A table whose rows come one after the other: heads once, before the first row, and columns that never get narrower.
 */
export class GrowingTable<T> {
  readonly #columns: readonly Column<T>[];
  readonly #widths: number[];
  #headed: boolean;

  constructor(
    columns: readonly Column<T>[],
    options: { readonly wide?: boolean; readonly headless?: boolean } = {},
  ) {
    this.#headed = options.headless === true;
    this.#columns = columns.filter(column => options.wide || !column.wide);
    this.#widths = this.#columns.map(({ head }) => head.length);
  }

  rows(rows: readonly T[]): string {
    const cells = rows.map(row => this.#columns.map(column => cellText(column.cell(row))));
    for (const texts of cells)
      for (const [i, text] of texts.entries()) this.#widths[i] = Math.max(this.#widths[i] ?? 0, text.length);
    const head = this.#headed ? [] : [this.#columns.map(column => column.head)];
    this.#headed = true;
    const line = (texts: readonly string[]) =>
      texts.map((text, i) => (i === texts.length - 1 ? text : text.padEnd(this.#widths[i] ?? 0))).join(GAP);
    return [...head, ...cells].map(texts => `${line(texts)}\n`).join('');
  }
}

function cellText(value: string | number | undefined): string {
  return value === undefined || value === '' ? '<none>' : printable(String(value));
}
