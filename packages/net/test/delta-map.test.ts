import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, DeltaMap, deltaBetween } from '../src/index.ts';

describe('DeltaMap', () => {
  it('always equals the difference computed from scratch', () => {
    const step = fc.tuple(
      fc.constantFrom('want', 'unwant', 'saw', 'sawGone'),
      fc.constantFrom('a', 'b', 'c'),
      fc.integer({ min: 0, max: 2 }),
    );
    fc.assert(
      fc.property(fc.array(step), steps => {
        const map = new DeltaMap<string, number>();
        for (const [what, key, value] of steps) {
          if (what === 'want' || what === 'saw') map[what](key, value);
          else map[what as 'unwant' | 'sawGone'](key);
          const naive = deltaBetween(map.desired, map.actual, Object.is);
          expect(new Map(map.pending.upserts)).toEqual(naive.upserts);
          expect(new Set(map.pending.removals)).toEqual(naive.removals);
          expect(map.settled).toBe(naive.upserts.size + naive.removals.size === 0);
        }
      }),
    );
  });
});

describe('ByteReader and ByteWriter', () => {
  it('agree on every width', () => {
    const bytes = new ByteWriter(1)
      .u8(1)
      .u16(0xfffe)
      .u32(0xdeadbeef)
      .bytes(new Uint8Array([9, 8]))
      .fill(7, 2)
      .finish();
    const reader = new ByteReader(bytes);
    expect([reader.u8(), reader.u16(), reader.u32(), [...reader.take(2)], [...reader.take(2)]]).toEqual([
      1,
      0xfffe,
      0xdeadbeef,
      [9, 8],
      [7, 7],
    ]);
    expect(reader.overrun).toBe(false);
  });
  it('reads past the end as zeros and remembers it', () => {
    const reader = new ByteReader(new Uint8Array([1]));
    expect([reader.u32(), reader.u8(), reader.take(5).length, reader.overrun]).toEqual([0, 0, 0, true]);
  });
});
