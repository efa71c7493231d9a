import { describe, expect, it } from 'vitest';
import { PrefixTable } from '../src/rib/prefix-table.ts';

type Words = readonly [number, number, number, number];

const v4 = (bits: number): Words => [bits >>> 0, 0, 0, 0];
const every = (count: number, make: (i: number) => readonly [Words, number]) =>
  Array.from({ length: count }, (_, i) => make(i));

/** Lengths as in the default-free zone, one after the other in the order of addresses. */
function fullTable(count: number): (readonly [Words, number])[] {
  const lengths = [24, 24, 22, 24, 23, 24, 20, 24, 24, 21, 24, 22, 24, 24, 19, 24, 24, 23, 24, 18];
  let at = 1 << 16;
  return every(count, i => {
    const length = lengths[(i * 7 + (i >> 5)) % lengths.length] as number;
    const step = 2 ** (24 - length);
    const slot = Math.ceil(at / step) * step;
    at = slot + step;
    return [v4(slot * 256), length];
  });
}

const SHAPES: Readonly<Record<string, readonly (readonly [Words, number])[]>> = {
  'a full table': fullTable(200_000),
  'each /24 of a range': every(60_000, i => [v4(0x0a00_0000 + i * 256), 24]),
  'every sixteenth /24': every(60_000, i => [v4(0x0a00_0000 + i * 4096), 24]),
  'blocks of addresses for pods': every(60_000, i => [v4(0x0a00_0000 + i * 64), 26]),
  'addresses of services': every(60_000, i => [v4(0x0a60_0000 + i), 32]),
  'each /16': every(60_000, i => [v4(i * 65_536), 16]),
  'IPv6 /48s': every(60_000, i => [[0x2001_0000 + (i >> 8), (i & 255) << 16, 0, 0], 48]),
  'IPv6 /64s': every(60_000, i => [[0x2001_0db8, i, 0, 0], 64]),
  'IPv6 addresses': every(60_000, i => [[0x2001_0db8, 0, 0, i], 128]),
  'IPv6 blocks of addresses for pods': every(60_000, i => [[0xfd00_0000, 0, i >> 10, (i << 22) >>> 0], 122]),
};

describe('the table of prefixes', () => {
  for (const [shape, prefixes] of Object.entries(SHAPES))
    it(`finds ${shape} in two to three steps, and what is not there, too`, () => {
      const table = new PrefixTable(shape.startsWith('IPv6') ? 'ipv6-unicast' : 'ipv4-unicast');
      let before = 0;
      for (const [words, length] of prefixes) {
        before += table.steps(...words, length);
        table.add(...words, length);
      }
      let after = 0;
      let worst = 0;
      prefixes.forEach(([words, length], i) => {
        const steps = table.steps(...words, length);
        after += steps;
        worst = Math.max(worst, steps);
        if (table.find(...words, length) !== i + 1) throw new Error(`entry ${i + 1} is not found`);
      });
      expect(table.size).toBe(prefixes.length);
      expect(before / prefixes.length).toBeLessThan(3);
      expect(after / prefixes.length).toBeLessThan(3);
      expect(worst).toBeLessThan(100);
    });

  it('keeps prefixes of all lengths apart that begin alike', () => {
    const table = new PrefixTable('ipv4-unicast');
    for (let length = 0; length <= 32; length++) expect(table.add(0, 0, 0, 0, length)).toBe(length + 1);
    for (let length = 0; length <= 32; length++) expect(table.find(0, 0, 0, 0, length)).toBe(length + 1);
  });

  it('uses freed numbers again, and forgets what they stood for', () => {
    const table = new PrefixTable('ipv4-unicast');
    const first = table.add(0x0a00_0000, 0, 0, 0, 24);
    table.remove(first);
    expect(table.find(0x0a00_0000, 0, 0, 0, 24)).toBe(0);
    expect(table.add(0x0a00_0100, 0, 0, 0, 24)).toBe(first);
    expect(table.find(0x0a00_0000, 0, 0, 0, 24)).toBe(0);
    expect(table.find(0x0a00_0100, 0, 0, 0, 24)).toBe(first);
  });

  it('finds a range in the order of its numbers, backwards and from both ends alike', () => {
    const table = new PrefixTable('ipv4-unicast');
    const entries = Array.from({ length: 1000 }, (_, i) => v4(0x0a00_0000 + i * 256));
    for (const [i, words] of entries.entries()) expect(table.add(...words, 24)).toBe(i + 1);
    const orders = [(i: number) => i, (i: number) => 999 - i, (i: number) => (i % 2 === 0 ? i : 999 - i)];
    for (const order of orders)
      for (let i = 0; i < 1000; i++) {
        const at = order(i);
        expect(table.find(...(entries[at] as Words), 24)).toBe(at + 1);
        expect(table.add(...(entries[at] as Words), 24)).toBe(at + 1);
        expect(table.find(...(entries[at] as Words), 25)).toBe(0);
      }
  });

  it('stays as it is while a range comes and goes a hundred times', () => {
    const table = new PrefixTable('ipv4-unicast');
    for (let round = 0; round < 100; round++) {
      const entries = every(1000, i => [v4((round * 500 + i) * 256), 24]);
      for (const [words, length] of entries) table.add(...words, length);
      for (const [words, length] of entries) table.remove(table.find(...words, length));
    }
    expect(table.size).toBe(0);
    expect(table.end).toBe(1001);
  });
});
