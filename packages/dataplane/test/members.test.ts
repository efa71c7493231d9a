import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changesBetween, Members } from '../src/index.ts';

const some = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 4 });

describe('Members', () => {
  it('are like plain sets in every version, and tell what lies between any two', () => {
    fc.assert(
      fc.property(some, fc.array(fc.tuple(some, some, fc.boolean()), { maxLength: 8 }), (first, steps) => {
        const versions = [Members.of(first)];
        const models = [new Set(first)];
        for (const [remove, add] of steps) {
          versions.push((versions.at(-1) as Members).patch({ add, remove }));
          const model = new Set(models.at(-1)).difference(new Set(remove));
          models.push(model.union(new Set(add)));
        }
        versions.forEach((version, i) => {
          const model = models[i] as Set<string>;
          expect(new Set(version)).toEqual(model);
          expect(version.size).toBe(model.size);
          for (const member of 'abcdef') expect(version.has(member)).toBe(model.has(member));
          versions.forEach((other, j) => {
            const { add, remove } = changesBetween(version, other);
            const want = models[j] as Set<string>;
            expect(new Set(add)).toEqual(want.difference(model));
            expect(new Set(remove)).toEqual(model.difference(want));
            if (i <= j) expect(other.changesSince(version)).toEqual({ add, remove });
            else expect(other.changesSince(version)).toBeUndefined();
          });
        });
      }),
    );
  });
  it('may go two ways from one version', () => {
    const first = Members.of(['a']);
    const [b, c] = [first.patch({ add: ['b'], remove: [] }), first.patch({ add: ['c'], remove: ['a'] })];
    expect([...first]).toEqual(['a']);
    expect([...b]).toEqual(['a', 'b']);
    expect([...c]).toEqual(['c']);
    expect(changesBetween(b, c)).toEqual({ add: ['c'], remove: ['a', 'b'] });
  });
});
