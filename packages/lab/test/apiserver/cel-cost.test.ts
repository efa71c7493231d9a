import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { compileRule } from '../../src/apiserver/schema/cel.ts';
import { estimateCost } from '../../src/apiserver/schema/cel-cost.ts';
import { boundInside, cardinality } from '../../src/apiserver/schema/cel-size.ts';
import { ruleCosts } from '../../src/apiserver/schema/rule-check.ts';
import type { Schema } from '../../src/apiserver/schema/schema.ts';

function cost(rule: string, schema: Schema): number {
  const compiled = compileRule(rule);
  if (!compiled.ok) throw new Error(compiled.fault);
  return estimateCost(compiled.value.run.ast, schema);
}

const plain = (type: string, most?: number): Schema => {
  if (type === 'int-or-string') return { 'x-kubernetes-int-or-string': true };
  if (type.startsWith('date') || type === 'duration') return { type: 'string', format: type };
  return { type, ...(type === 'string' && most !== undefined && { maxLength: most }) };
};
const list =
  (items: Schema | string) =>
  (most?: number): Schema => ({
    type: 'array',
    items: typeof items === 'string' ? plain(items) : items,
    ...(most !== undefined && { maxItems: most }),
  });
const map =
  (values: Schema | string) =>
  (most?: number): Schema => ({
    type: 'object',
    additionalProperties: typeof values === 'string' ? plain(values) : values,
    ...(most !== undefined && { maxProperties: most }),
  });
const text = (most?: number) => plain('string', most);
const texts = (most?: number): Schema => ({ ...list(text(most))(most) });
const object: Schema = {
  type: 'object',
  required: ['required'],
  properties: { required: text(), optional: text() },
};
const nested = (most?: number): Schema =>
  list(map({ ...object, properties: { required: text(most) } })(most))(most);
const enumeration = (most?: number): Schema => ({ ...text(most), enum: ['A', 'B', 'C', 'LongValue'] });
const pair = (most?: number): Schema => ({
  type: 'object',
  properties: { str: text(most), separator: text(most), before: text(2), after: text(4) },
});

/** What the estimator of Kubernetes gives for a rule without and with a bound (apiextensions, TestCostEstimation). */
const KNOWN: readonly (readonly [string, (most?: number) => Schema, number, number, number])[] = [
  ['self.all(x, true)', list('number'), 4_718_591, 10, 32],
  ['self.all(x, true)', list('string'), 3_145_727, 20, 62],
  ['self.all(x, true)', list('boolean'), 1_887_437, 5, 17],
  ['self.all(x, true)', list(list('number')()), 3_145_727, 100, 302],
  ['self.all(x, true)', list(object), 555_128, 50, 152],
  ['self.all(x, true)', map('number'), 1_348_169, 10, 32],
  ['self.all(x, true)', map('string'), 1_179_647, 3, 11],
  ['self.all(x, true)', map('boolean'), 943_718, 100, 302],
  ['self.all(x, true)', map(object), 428_963, 20, 62],
  ['self.all(x, true)', map(map('number')()), 1_179_647, 10, 32],
  ['self.all(x, true)', map('int-or-string'), 1_348_169, 15, 47],
  ['self.all(x, true)', list('int-or-string'), 4_718_591, 10, 32],
  ['self.all(x, true)', list('duration'), 2_359_295, 5, 17],
  ['self.all(x, true)', list('date'), 725_936, 15, 47],
  ['self.all(x, true)', list('date-time'), 428_963, 25, 77],
  ["self.contains('test')", text, 314_574, 10, 5],
  ["self.startsWith('test')", text, 2, 15, 2],
  ["self.endsWith('test')", text, 2, 30, 2],
  ['size(self + "hello") > size("hello")', text, 314_578, 4, 7],
  ['self[1] == 0.0', list('number'), 2, 5_000, 2],
  ['self[1] == self[1]', list('string'), 314_577, 8, 314_577],
  ['self.matches("x")', text, 314_574, 50, 22],
  ['"".matches("(((((((((())))))))))[0-9]")', text, 7, 10, 7],
  ['self.matches("")', text, 1, 100, 1],
  ['self.all(x, x.contains(self[x]))', map('string'), 2_752_507, 10, 72],
  ['self[3] == 0.0', list('number'), 2, 0, 2],
  ['self["x"] == 0.0', map('number'), 2, 0, 2],
  ['self == "x"', text, 2, 0, 1],
  ['self.all(x, x == 0.0)', list('number'), 6_291_454, 6_291_456, 25_165_826],
  ['self.all(x, x["y"].required == "z")', nested, 7_340_027, 10, 72],
  ['self[0] == 5', list('int-or-string'), 3, 10, 3],
  ['self[0] == false', list('boolean'), 2, 25, 2],
  ['self[0] == null', list(object), 2, 422, 2],
  ['self[0][0] == -1.0', list(list('number')()), 3, 51, 3],
  ['self.all(x, x.y == 25.2)', list(map('number')()), 6_291_452, 12, 74],
  ['self[0].x > 2.0', list(map('number')()), 4, 3_000, 4],
  ['self[0].getHours() == 2', list('duration'), 4, 525, 4],
  ["self.find('[0-9]+') == ''", text, 629_147, 10, 11],
  ["self.join(' ') == 'aa bb'", texts, 329_853_068_905, 10, 43],
  ['self.isSorted() == true', texts, 329_854_432_052, 10, 52],
  ["self.str.replace(self.before, self.after) == 'does not matter'", pair, 629_154, 4, 12],
  ['self.str.split(self.separator) == []', pair, 629_160, 10, 22],
  ["self.lowerAscii() == 'lower!'", text, 314_575, 10, 6],
  ['oldSelf.size() == self.size()', map('integer'), 5, 10, 5],
  ['self["a"] == self["b"]', map('date-time'), 8, 7, 8],
  ["self.contains('A')", enumeration, 2, 1_000, 401],
];

describe('the estimated cost of a CEL rule', () => {
  it.each(KNOWN)('%s', (rule, schema, free, most, bound) => {
    expect([cost(rule, schema()), cost(rule, schema(most))]).toEqual([free, bound]);
  });

  it('of a loop in a loop grows with the square', () => {
    const rule = 'self.all(x, self.all(y, true))';
    expect(cost(rule, list('number')())).toBeGreaterThan(1e12);
    expect(cost(rule, list('number')(10))).toBe(352);
    expect(cost('self.all(x, self.all(y, self.all(z, true)))', list('number')(10))).toBe(3_552);
  });

  it('counts as often as the value can be there: the product of the bounds, or as many as fit in a request', () => {
    const item: Schema = { type: 'object', required: ['action'], properties: { action: { type: 'string' } } };
    expect(cardinality(item, boundInside({ type: 'array', maxItems: 7 }, 3))).toBe(21);
    expect(cardinality(item, boundInside({ type: 'array' }, 3))).toBe(209_715);
    expect(boundInside({ type: 'array', maxItems: 7 }, undefined)).toBeUndefined();
    expect(boundInside({ type: 'object', properties: {} }, 3)).toBe(3);
  });
});

describe('the rules of our own definitions', () => {
  const folder = new URL('../../../../crds/', import.meta.url);
  const files = readdirSync(folder).filter(name => name.endsWith('.yaml'));

  it.each(files)('%s stays far below what the API server allows', file => {
    const { spec } = parse(readFileSync(new URL(file, folder), 'utf8'));
    const costs = ruleCosts(spec.versions[0].schema.openAPIV3Schema);
    for (const { path, cost } of costs) expect(cost, path).toBeLessThan(5_000_000);
    expect(costs.reduce((sum, { cost }) => sum + cost, 0)).toBeLessThan(50_000_000);
  });
});
