import { matchesSelector, type Selector } from '@muslin/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changedKeys } from '../src/graph/bearer.ts';
import { LabelIndex } from '../src/graph/label-index.ts';
import { SelectorIndex } from '../src/graph/selector-index.ts';
import { labelMaps, selectors } from './worlds.ts';

const bearers = fc.array(
  labelMaps.map(labels => ({ labels })),
  { maxLength: 12, size: 'max' },
);
const lists = fc.array(selectors, { maxLength: 12, size: 'max' });
/** Some of what was added goes again. */
const holes = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 });

describe('LabelIndex', () => {
  it('finds what a selector selects, once each, as asking every bearer does', () => {
    fc.assert(
      fc.property(bearers, holes, selectors, (all, gone, selector) => {
        const index = new LabelIndex<(typeof all)[number]>();
        for (const bearer of all) index.add(bearer);
        for (const [i, bearer] of all.entries()) if (gone[i]) index.delete(bearer);
        const wanted = all.filter((bearer, i) => !gone[i] && matchesSelector(selector, bearer.labels));
        const found = [...index.matching(selector)];
        expect(found.length).toBe(wanted.length);
        expect(new Set(found)).toEqual(new Set(wanted));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('SelectorIndex', () => {
  const indexOf = (all: readonly Selector[], gone: readonly boolean[]) => {
    const index = new SelectorIndex<number>();
    all.forEach((selector, i) => {
      index.set(i, selector);
    });
    for (const i of all.keys()) if (gone[i]) index.delete(i);
    return index;
  };

  it('finds the selectors that labels satisfy, as asking every selector does', () => {
    fc.assert(
      fc.property(lists, holes, labelMaps, (all, gone, labels) => {
        const wanted = all.flatMap((selector, i) =>
          !gone[i] && matchesSelector(selector, labels) ? [i] : [],
        );
        expect(indexOf(all, gone).matching(labels)).toEqual(new Set(wanted));
      }),
      { numRuns: 1000 },
    );
  });

  it('tells every selector whose answer changes with the labels', () => {
    fc.assert(
      fc.property(lists, holes, labelMaps, labelMaps, (all, gone, before, after) => {
        const told = new Map<number, readonly boolean[]>();
        const keys = changedKeys(before, after);
        indexOf(all, gone).compare(before, after, keys, (i, was, is) => told.set(i, [was, is]));
        all.forEach((selector, i) => {
          const [was, is] = [matchesSelector(selector, before), matchesSelector(selector, after)];
          if (!gone[i] && was !== is) expect(told.get(i)).toEqual([was, is]);
          if (told.has(i)) expect(told.get(i)).toEqual([was, is]);
        });
      }),
      { numRuns: 1000 },
    );
  });
});
