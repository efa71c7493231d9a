import { describe, expect, it } from 'vitest';
import { type Cell, cellKey, changes, drawMatrix, type Outcome } from '../src/matrix.ts';

const cell = (
  from: string,
  to: string,
  port: number,
  outcome: Outcome,
  protocol: Cell['protocol'] = 'TCP',
): Cell => ({
  from,
  to,
  port,
  protocol,
  outcome,
});

const BEFORE = [
  cell('shop/web-1', 'shop/api-1', 80, 'open'),
  cell('shop/web-1', 'shop/api-1', 53, 'open', 'UDP'),
  cell('shop/web-1', 'ops/monitor-1', 90, 'silent'),
  cell('shop/api-1', 'shop/web-1', 80, 'open'),
  cell('shop/api-1', 'ops/monitor-1', 90, 'silent'),
  cell('ops/monitor-1', 'shop/web-1', 80, 'refused'),
];
const AFTER = [
  cell('shop/web-1', 'shop/api-1', 80, 'open'),
  cell('shop/web-1', 'shop/api-1', 53, 'silent', 'UDP'),
  cell('shop/web-1', 'ops/monitor-1', 90, 'open'),
  cell('shop/api-1', 'shop/web-1', 80, 'silent'),
  cell('shop/api-1', 'ops/monitor-1', 90, 'silent'),
  cell('ops/monitor-1', 'shop/web-1', 80, 'refused'),
];

/** Leading and trailing blanks matter to columns, but not at line ends. */
const lines = (text: string) => text.split('\n').map(line => line.trimEnd());

describe('the grid', () => {
  it('shows who reaches whom', () => {
    expect(lines(drawMatrix(BEFORE, undefined, { colour: false }))).toEqual([
      '               web-1      api-1      monitor-1',
      'shop/web-1                ●          ·',
      'shop/api-1     ●                     ·',
      'ops/monitor-1  ·',
    ]);
  });

  it('marks what more and what less answers than before', () => {
    expect(lines(drawMatrix(AFTER, BEFORE, { colour: false }))).toEqual([
      '               web-1      api-1      monitor-1',
      'shop/web-1                ◐-         ●+',
      'shop/api-1     ·-                    ·',
      'ops/monitor-1  ·',
    ]);
  });

  it('is the same text in colour once the colours are taken off', () => {
    const coloured = drawMatrix(AFTER, BEFORE, { colour: true });
    expect(coloured).not.toBe(drawMatrix(AFTER, BEFORE, { colour: false }));
    const plain = coloured.replace(/\x1b\[\d+m/g, '');
    expect(lines(plain)).toEqual(lines(drawMatrix(AFTER, BEFORE, { colour: false })));
  });

  it('has a column for destinations that are no sources', () => {
    expect(lines(drawMatrix([cell('a/x', 'b/y', 1, 'open')], undefined, { colour: false }))).toEqual([
      '     x  y',
      'a/x     ●',
    ]);
  });
});

describe('changes between two rounds', () => {
  it('are the probes that opened and those that closed, and nothing else', () => {
    const { opened, closed } = changes(BEFORE, AFTER);
    expect(opened.map(cellKey)).toEqual(['shop/web-1 -> ops/monitor-1:90/tcp']);
    expect(closed.map(cellKey)).toEqual([
      'shop/web-1 -> shop/api-1:53/udp',
      'shop/api-1 -> shop/web-1:80/tcp',
    ]);
  });

  it('of a round with itself are none, and a probe that was not made before is no change', () => {
    expect(changes(AFTER, AFTER)).toEqual({ opened: [], closed: [] });
    expect(changes([], AFTER)).toEqual({ opened: [], closed: [] });
  });
});
