import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAge } from '../../src/output/age.ts';
import { parseForm, valuesAtPath } from '../../src/output/form.ts';
import { COLOURED, printable } from '../../src/output/paint.ts';
import { didYouMean, nearest } from '../../src/output/suggest.ts';
import { type Column, formatTable } from '../../src/output/table.ts';

describe('a table', () => {
  const columns: readonly Column<readonly string[]>[] = [
    { head: 'NAME', cell: row => row[0] },
    { head: 'SIZE', cell: row => row[1] },
    { head: 'MORE', cell: row => row[2], wide: true },
  ];

  it('has columns three spaces apart and nothing at the end of a line', () => {
    expect(
      formatTable(
        [
          ['a', '10'],
          ['longer', ''],
        ],
        columns,
      ),
    ).toBe('NAME     SIZE\na        10\nlonger   <none>\n');
    expect(formatTable([['a', '1', 'x']], columns, { wide: true })).toBe(
      'NAME   SIZE   MORE\na      1      x\n',
    );
    expect(formatTable([], columns)).toBe('NAME   SIZE\n');
  });

  it('keeps every column at one place, whatever the cells hold', () => {
    const cell = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, fc.constant('|'))), rows => {
        const lines = formatTable(rows, columns).trimEnd().split('\n');
        expect(lines).toHaveLength(rows.length + 1);
        const at = lines[0]?.indexOf('SIZE');
        for (const line of lines.slice(1)) expect(line.lastIndexOf('|')).toBe(at);
      }),
    );
  });

  it('colours a cell without moving its neighbours', () => {
    const painted = [
      { ...columns[0], paint: COLOURED.good } as (typeof columns)[0],
      columns[1] as (typeof columns)[0],
    ];
    expect(formatTable([['a', '1']], painted)).toBe('NAME   SIZE\n\u001b[32ma   \u001b[0m   1\n');
  });
});

describe('text from elsewhere', () => {
  it('cannot move the cursor', () => {
    expect(printable('a\u001b[2J\r\u009b0m\nb')).toBe('a\\x1b[2J\\x0d\\x9b0m\\nb');
  });
});

describe('an age', () => {
  const now = new Date('2026-03-01T12:00:00Z');
  it.each([
    ['2026-03-01T11:59:59Z', '1s'],
    ['2026-03-01T11:58:01Z', '119s'],
    ['2026-03-01T11:58:00Z', '2m'],
    ['2026-03-01T11:56:53Z', '3m7s'],
    ['2026-03-01T11:40:30Z', '19m'],
    ['2026-03-01T06:48:00Z', '5h12m'],
    ['2026-02-26T08:00:00Z', '3d4h'],
    ['2026-01-01T00:00:00Z', '59d'],
    ['2026-03-01T13:00:00Z', '0s'],
    ['soon', '<unknown>'],
    [undefined, '<unknown>'],
  ])('of %s is %s', (since, age) => {
    expect(formatAge(since, now)).toBe(age);
  });
});

describe('did-you-mean', () => {
  it.each([
    ['ipool', 'ippool'],
    ['noeds', 'nodes'],
    ['bgpper', 'bgppeer'],
    ['xyz', undefined],
    ['', undefined],
  ])('takes %s for %s', (typed, meant) => {
    expect(nearest(typed, ['nodes', 'ippool', 'bgppeer', 'tiers'])).toBe(meant);
  });

  it('says nothing when nothing is near', () => {
    expect(didYouMean('zebra', ['nodes'])).toBe('');
  });
});

describe('an output form', () => {
  it('is refused when it is none, with the choices', () => {
    expect(parseForm('tabel')).toMatchObject({
      ok: false,
      fault: expect.stringContaining('Did you mean "table"?'),
    });
    expect(parseForm('custom-columns=:.x')).toMatchObject({ ok: false });
    expect(parseForm('toString')).toMatchObject({ ok: false });
  });

  it.each([
    ['.a.b', '1'],
    ['{.a.b}', '1'],
    ['a.b', '1'],
    ['.list[1].x', '3'],
    ['.list[*].x', '2,3'],
    ["['dotted.key']", '4'],
    ['.dotted\\.key', '4'],
    ['.a', '{"b":1}'],
    ['.nothing.there', undefined],
    ['.constructor', undefined],
  ])('finds %s', (path, text) => {
    const value = { a: { b: 1 }, list: [{ x: 2 }, { x: 3 }], 'dotted.key': 4 };
    expect(valuesAtPath(value, path)).toBe(text);
  });
});
