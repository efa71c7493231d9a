import {
  ALL,
  andSelectors,
  formatSelector,
  type Labels,
  matchesSelector,
  normalSelector,
  parseSelector,
  type Selector,
  selectorFromLabelSelector,
  withPrefix,
} from '@muslin/api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const labels = (record: Record<string, string>): Labels => new Map(Object.entries(record));

function selector(text: string): Selector {
  const parsed = parseSelector(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const key = fc.constantFrom('a', 'b', 'app', 'k8s.io/x', 'in', 'has', 'all', 'not', '-', '__proto__');
const value = fc.constantFrom('', 'x', 'y', "it's", 'a"b', '__proto__', ' ', 'x y', '&&');
const anySelector: fc.Arbitrary<Selector> = fc.letrec<{ s: Selector }>(tie => ({
  s: fc.oneof(
    { depthSize: 'small' },
    fc.constant(ALL),
    fc.record({ op: fc.constant('has' as const), key }),
    fc.record({ op: fc.constantFrom('eq' as const, 'ne', 'contains', 'startsWith', 'endsWith'), key, value }),
    fc.record({
      op: fc.constantFrom('in' as const, 'notIn'),
      key,
      values: fc.array(value, { maxLength: 3 }),
    }),
    fc.record({ op: fc.constant('not' as const), of: tie('s') }),
    fc.record({ op: fc.constantFrom('and' as const, 'or'), of: fc.array(tie('s'), { maxLength: 3 }) }),
  ),
})).s;
const anyLabels = fc.array(fc.tuple(key, value), { maxLength: 5 }).map(pairs => new Map(pairs) as Labels);

describe('what a selector means', () => {
  test.each<[string, Record<string, string>, boolean]>([
    ['', {}, true],
    ['all()', {}, true],
    ['all( )', {}, true],
    ["a == 'x'", { a: 'x' }, true],
    ["a == 'x'", { a: 'y' }, false],
    ["a == 'x'", {}, false],
    ['a != "x"', {}, true],
    ['a != "x"', { a: 'x' }, false],
    ['a in {"x", \'y\'}', { a: 'y' }, true],
    ['a in {}', { a: 'y' }, false],
    ['a in { }', {}, false],
    ['a not in {"x"}', {}, true],
    ['a notin {"x"}', { a: 'x' }, false],
    ['a not in {}', { a: 'x' }, true],
    ['a contains "yy"', { a: 'xyyz' }, true],
    ['a contains "yy"', {}, false],
    ['a starts with "x"', { a: 'xyz' }, true],
    ['a startswith "y"', { a: 'xyz' }, false],
    ['a ends with "z"', { a: 'xyz' }, true],
    ['a endswith "z"', {}, false],
    ['has(a)', { a: '' }, true],
    ['has( a )', {}, false],
    ['!has(a)', {}, true],
    ['!!has(a)', {}, false],
    ['! a == "x"', {}, true],
    ['a=="x"&&b=="y"', { a: 'x', b: 'y' }, true],
    ['has(a) || has(b) && has(c)', { a: '' }, true],
    ['(has(a) || has(b)) && has(c)', { a: '' }, false],
    ['!has(a) && has(b)', { b: '' }, true],
    ['has == "x" && in in {"y"} && all == "z"', { has: 'x', in: 'y', all: 'z' }, true],
    ['__proto__ == "x"', {}, false],
    ['has(constructor)', {}, false],
    ['global()', {}, true],
    ['global()', { 'projectcalico.org/namespace': 'ns' }, false],
  ])('%s on %j is %j', (text, on, expected) => {
    expect(matchesSelector(selector(text), labels(on))).toBe(expected);
  });

  test.each([
    'a',
    'a ==',
    'a == x',
    'a == "x',
    '"a" == "x"',
    'a = "x"',
    'a in ("x")',
    'a in {"x",}',
    'a in {"x" "y"}',
    'has a',
    'has()',
    'has("a")',
    'all',
    '()',
    '(has(a)',
    'has(a))',
    'has(a) has(b)',
    'has(a) &&',
    '|| has(a)',
    'has(a) & has(b)',
    'has(a)\n',
    'a == "x" && global()',
    '!global()',
    `has(${'a'.repeat(513)})`,
    'hás(a)',
    'ä == "x"',
  ])('%j is refused', text => {
    expect(parseSelector(text).ok).toBe(false);
  });

  test('a fault says where it is and what was expected', () => {
    const parsed = parseSelector('has(a) && b ~ "x"');
    expect(parsed).toMatchObject({
      ok: false,
      fault: {
        code: 'syntax',
        offset: 12,
        message: expect.stringContaining('after the label b expected =='),
      },
    });
  });

  test('hostile nesting and length end in a fault, not in an overflow', () => {
    expect(parseSelector('('.repeat(60_000))).toMatchObject({ fault: { code: 'too-deep' } });
    expect(parseSelector(`${'!'.repeat(60_000)}has(a)`).ok).toBe(true);
    expect(parseSelector(`${'has(a)||'.repeat(8_000)}has(a)`).ok).toBe(true);
    expect(parseSelector(' '.repeat(70_000))).toMatchObject({ fault: { code: 'too-long' } });
  });

  test('no text makes the parser throw', () => {
    const token = fc.constantFrom(
      'a',
      '==',
      '"x"',
      '(',
      ')',
      '{',
      '}',
      '!',
      '&&',
      '||',
      ' in ',
      'has(',
      'all()',
      ',',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(token).map(tokens => tokens.join('')),
        ),
        text => {
          parseSelector(text);
        },
      ),
    );
  });
});

describe('the canonical text', () => {
  test('parsing it gives the normal form back', () => {
    fc.assert(
      fc.property(anySelector, s => {
        expect(parseSelector(formatSelector(s))).toEqual({ ok: true, value: normalSelector(s) });
      }),
    );
  });

  test('normalising keeps the meaning and is idempotent', () => {
    fc.assert(
      fc.property(anySelector, anyLabels, (s, on) => {
        const normal = normalSelector(s);
        expect(matchesSelector(normal, on)).toBe(matchesSelector(s, on));
        expect(normalSelector(normal)).toEqual(normal);
      }),
    );
  });

  test.each([
    ['b == "y" && a == \'x\'', 'a == "x" && b == "y"'],
    ['((has(a)))', 'has(a)'],
    ['!(a == "x" && has(b))', '!has(b) || a != "x"'],
    ['a in {"y", "x", "y"}', 'a in {"x", "y"}'],
    ['a in {"x"}', 'a == "x"'],
    ['has(a) && (has(b) && has(a))', 'has(a) && has(b)'],
    ['has(a) || all()', 'all()'],
    ['has(a) && !all()', '!all()'],
    ['a not in {}', 'all()'],
    ['has(c) && (has(a) || has(b))', '(has(a) || has(b)) && has(c)'],
    ["a == '\"'", "a == '\"'"],
  ])('%s is written %s', (text, canonical) => {
    expect(formatSelector(selector(text))).toBe(canonical);
  });
});

describe('combining selectors', () => {
  test('and means every operand holds; of none it is all()', () => {
    expect(andSelectors()).toEqual(ALL);
    expect(andSelectors(ALL, selector('has(a)'), ALL)).toEqual(selector('has(a)'));
    fc.assert(
      fc.property(fc.array(anySelector, { maxLength: 3 }), anyLabels, (of, on) => {
        expect(matchesSelector(andSelectors(...of), on)).toBe(of.every(s => matchesSelector(s, on)));
      }),
    );
  });

  test('a prefix asks the same question of inherited labels', () => {
    fc.assert(
      fc.property(anySelector, anyLabels, (s, on) => {
        const inherited: Labels = new Map([...on].map(([k, v]) => [`pcns.${k}`, v]));
        expect(matchesSelector(withPrefix(s, 'pcns.'), inherited)).toBe(matchesSelector(s, on));
      }),
    );
  });

  test('global() with a prefix asks for the absence of a namespace', () => {
    expect(formatSelector(withPrefix({ op: 'global' }, 'pcns.'))).toBe('!has(projectcalico.org/namespace)');
  });
});

describe('Kubernetes label selectors', () => {
  const read = (value: unknown) => {
    const result = selectorFromLabelSelector(value);
    return result.ok ? formatSelector(result.value) : `${result.fault.path}: ${result.fault.code}`;
  };

  test.each<[unknown, string]>([
    [{}, 'all()'],
    [{ matchLabels: { b: 'y', a: 'x' } }, 'a == "x" && b == "y"'],
    [{ matchLabels: { a: '' }, matchExpressions: [{ key: 'b', operator: 'Exists' }] }, 'a == "" && has(b)'],
    [{ matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['x', 'y'] }] }, 'a not in {"x", "y"}'],
    [{ matchExpressions: [{ key: 'a', operator: 'DoesNotExist', values: null }] }, '!has(a)'],
    [
      { matchExpressions: [{ key: 'a', operator: 'In', values: [] }] },
      'matchExpressions[0].values: bad-values',
    ],
    [
      { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['x'] }] },
      'matchExpressions[0].values: bad-values',
    ],
    [
      { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] },
      'matchExpressions[0].operator: bad-operator',
    ],
    [{ matchLabels: { a: 'b c' } }, 'matchLabels[a]: bad-value'],
    [{ matchLabels: { 'a/b/c': 'd' } }, 'matchLabels[a/b/c]: bad-key'],
    [[], ': not-a-label-selector'],
    [null, ': not-a-label-selector'],
  ])('%j reads as %s', (value, expected) => {
    expect(read(value)).toBe(expected);
  });

  test('NotIn and DoesNotExist match objects that lack the label (S7)', () => {
    for (const expression of [
      { key: 'a', operator: 'NotIn', values: ['x'] },
      { key: 'a', operator: 'DoesNotExist' },
    ]) {
      const result = selectorFromLabelSelector({ matchExpressions: [expression] });
      expect(result.ok && matchesSelector(result.value, labels({}))).toBe(true);
    }
  });

  test('nothing makes it throw', () => {
    fc.assert(
      fc.property(fc.object(), value => {
        selectorFromLabelSelector(value);
      }),
    );
  });
});
