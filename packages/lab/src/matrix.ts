/** One probe: from a pod to a port of another pod, and what happened. */
export interface Cell {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
  /** Absent: IPv4. */
  readonly family?: 6;
  readonly outcome: Outcome;
}

/** `open`: answered. `silent`: nothing came back, as a drop looks. `refused`: answered with a rejection. */
export type Outcome = 'open' | 'silent' | 'refused';

/** Key of a probe, without its outcome. */
export function cellKey(cell: Omit<Cell, 'outcome'>): string {
  const way = `${cell.from} -> ${cell.to}:${cell.port}/${cell.protocol.toLowerCase()}`;
  return cell.family === 6 ? `${way} (IPv6)` : way;
}

/** How a grid is drawn. */
export interface MatrixStyle {
  readonly colour: boolean;
}

const PAINT = {
  open: '\x1b[32m',
  closed: '\x1b[31m',
  mixed: '\x1b[33m',
  changed: '\x1b[7m',
  off: '\x1b[0m',
} as const;

/**
 * A grid: rows are sources, columns destinations. `●` every port answers, `◐` some, `·` none; a cell that
 * differs from `before` is marked with `+` (more answers) or `-` (fewer).
 */
export function drawMatrix(
  cells: readonly Cell[],
  before: readonly Cell[] | undefined,
  style: MatrixStyle,
): string {
  const sources = [...new Set(cells.map(c => c.from))];
  const targets = [...new Set([...sources, ...cells.map(c => c.to)])];
  const now = tally(cells);
  const then = before === undefined ? undefined : tally(before);
  const width = Math.max(...sources.map(s => s.length)) + 2;
  const heads = targets.map(short);
  const column = Math.max(...heads.map(h => h.length)) + 2;
  const lines = [' '.repeat(width) + heads.map(h => h.padEnd(column)).join('')];
  for (const from of sources) {
    const row = targets.map(to => {
      const key = `${from} ${to}`;
      const count = now.get(key);
      if (count === undefined) return ' '.repeat(column);
      const old = then?.get(key)?.open;
      const mark = old === undefined || old === count.open ? ' ' : count.open > old ? '+' : '-';
      const sign = count.open === count.all ? '●' : count.open === 0 ? '·' : '◐';
      const plain = (sign + mark).padEnd(column);
      if (!style.colour) return plain;
      const paint = sign === '●' ? PAINT.open : sign === '·' ? PAINT.closed : PAINT.mixed;
      return `${paint}${mark === ' ' ? '' : PAINT.changed}${plain.trimEnd()}${PAINT.off}${' '.repeat(column - plain.trimEnd().length)}`;
    });
    lines.push(from.padEnd(width) + row.join('').trimEnd());
  }
  return lines.join('\n');
}

function tally(cells: readonly Cell[]): Map<string, { open: number; all: number }> {
  const counts = new Map<string, { open: number; all: number }>();
  for (const cell of cells) {
    const key = `${cell.from} ${cell.to}`;
    const count = counts.get(key) ?? { open: 0, all: 0 };
    count.all++;
    if (cell.outcome === 'open') count.open++;
    counts.set(key, count);
  }
  return counts;
}

function short(pod: string): string {
  return pod.slice(pod.indexOf('/') + 1);
}

/** The probes whose outcome differs between two rounds. */
export function changes(
  before: readonly Cell[],
  after: readonly Cell[],
): { opened: readonly Cell[]; closed: readonly Cell[] } {
  const old = new Map(before.map(cell => [cellKey(cell), cell.outcome]));
  const differs = after.filter(cell => (old.get(cellKey(cell)) ?? cell.outcome) !== cell.outcome);
  return {
    opened: differs.filter(c => c.outcome === 'open'),
    closed: differs.filter(c => c.outcome !== 'open'),
  };
}
