import type { Any, Question, Scene } from '../question.ts';

export const ANIMALS = '/apis/zoo.example.org/v1/namespaces/default/animals';

export function animal(name: string, spec: Any, more: Any = {}): Any {
  return {
    apiVersion: 'zoo.example.org/v1',
    kind: 'Animal',
    metadata: { name, namespace: 'default' },
    spec,
    ...more,
  };
}

/** A new object with each of these specs. */
const SPECS: Readonly<Record<string, readonly Any[]>> = {
  color: ['red', 'RED', 'green', '', null, 5, ['red']],
  count: [0, 2, 3, 101, -2, 2.5, '2', null, 4294967296],
  big: [9007199254740991, 1e3, -1, 1.5e300, '1'],
  weight: [5, 5.5, 0, 10, 0.0001, 1e-7, '5'],
  wild: [true, false, 'true', 1, null],
  born: [
    '2026-01-02T03:04:05Z',
    '2026-01-02T03:04:05.678+02:00',
    '2026-01-02',
    '2026-13-02T03:04:05Z',
    '2026-01-02 03:04:05',
    '',
  ],
  day: ['2026-01-02', '2026-02-30', '2026-1-2', 'today'],
  takes: ['1h', '1h30m', '90', '1.5h', '1d', '1w', '-5s', '5 s', '5 seconds', '', '1us', 'soon'],
  ip4: ['10.0.0.1', '010.0.0.1', '10.0.0', '300.1.1.1', '::1', '10.0.0.1/8', ' 10.0.0.1', ''],
  ip6: ['::1', 'fe80::1%eth0', '::ffff:10.0.0.1', '10.0.0.1', 'fd00::/8', '1::2::3', 'FD00::A'],
  net: ['10.0.0.0/8', '10.0.0.1/8', '10.0.0.0/33', '10.0.0.0', 'fd00::/64', '010.0.0.0/8', '10.0.0.0/08', ''],
  mac: [
    '00:11:22:33:44:55',
    '00-11-22-33-44-55',
    '0011.2233.4455',
    '00:11:22:33:44',
    '00:11:22:33:44:55:66:77',
    'zz:11:22:33:44:55',
  ],
  id: [
    '123e4567-e89b-12d3-a456-426614174000',
    '123E4567-E89B-12D3-A456-426614174000',
    '123e4567e89b12d3a456426614174000',
    '123e4567',
    '',
  ],
  uri: ['https://example.org/a', '/a', 'a', 'mailto:a@b', 'https://exa mple', '', '//x'],
  email: ['a@b.org', 'a', 'a@', 'A <a@b.org>', 'a b@c'],
  host: ['example.org', '-a', 'a_b', 'a.', 'A', '1.2.3.4', 'a..b', ''],
  bytes: ['aGk=', 'aGk', '****', '', 'aGk=\n'],
  name: ['ab', 'a', 'abcdef', 'AB', 'A', 'ööö', ''],
  port: [80, '80', 'http', 1.5, true, null, -1],
  portOf: [80, 'http', 'HTTP', {}, []],
  maybe: [null, 'x', 5],
  maybeDefault: [null, 'x'],
  tags: [
    [],
    ['a', 'b'],
    ['a', 'a'],
    ['a', 'b', 'c', 'd', 'e'],
    ['a', 'z'],
    [1],
    [null],
    'a',
    null,
    ['a', 'a', 'a'],
  ],
  words: [[], ['a', 'a'], null, [null]],
  plain: [['a', 'a'], [null], ['a', null]],
  meals: [
    [],
    [{ name: 'hay' }],
    [{ name: 'hay' }, { name: 'hay' }],
    [{ name: 'hay' }, { name: 'hay', time: 'dusk' }],
    [{ time: 'noon' }],
    [{ name: 'hay', grams: 0 }],
    [{ name: 'hay', grams: 'lots' }],
    [{ name: 'stones' }],
    [{ name: 'hay', taste: 'good' }],
    [{ name: null }],
    [{}, {}],
    ['hay'],
    { name: 'hay' },
  ],
  labels: [{}, { a: 'b' }, { a: 5 }, { a: null }, { a: '1', b: '2', c: '3', d: '4' }, [], 'x'],
  counts: [{ a: 1 }, { a: '1' }, { 'x/y': 1.5 }, {}],
  box: [{ a: 'x' }, { a: 1, b: 2 }, { c: 'x' }, null],
  free: [{ a: { b: [1, null, 'x'] } }, {}, [], { a: null }],
  half: [{ known: { a: 'x', b: 'y' }, other: { c: 1 } }, { known: { a: 1 } }],
  one: [{ a: 'x' }, { a: 'x', b: 'y' }, {}],
  some: [{ a: 'x' }, {}],
  none: [{ a: 'x' }, { a: 'x', b: 'y' }],
  every: [{ a: 'x', b: 'y' }, { a: 'x' }, {}],
  deep: [{}, { a: {} }, { a: null }, { c: null }, null, { a: { b: 'x', z: 1 } }],
  fixed: ['x', ''],
  once: ['x'],
  even: [2, 3, -1],
  silent: ['yes', 'no'],
  amount: ['2Gi', '1Gi', '512Mi', 'lots', '2e10', '2147483648', '2G', '1025Mi', '0.5Ti', '+3Gi', '3gi'],
  address: ['10.1.2.3', '11.1.2.3', 'x', '10.0.0.0/8', 'fd00::1', '010.1.2.3', '::ffff:10.0.0.1'],
  divisor: [1, 5, 10, 0, -1],
};

const WHOLE_SPECS: Readonly<Record<string, Any>> = {
  'low above high': { low: 5, high: 1 },
  'low below high': { low: 1, high: 5 },
  'two rules broken': { low: 5, high: 1, even: 3, silent: 'no' },
  'a secret without a name': { secret: 'x' },
  'a shape and a rule broken': { low: 5, high: 1, color: 'green' },
  'a bound and a rule broken': { count: 101, low: 5, high: 1 },
  'a pattern and a rule broken': { name: 'AB', silent: 'no' },
  'everything wrong': { color: 5, count: 'x', weight: 11, tags: ['a', 'a'], name: 'X', labels: {}, ip4: 'x' },
  'unknown fields at three places': { bogus: 1, deep: { bogus: 2 }, meals: [{ name: 'a', bogus: 3 }] },
  empty: {},
  text: 'text',
  'a list': [],
  nothing: null,
  'a big list': { plain: Array.from({ length: 500 }, (_, i) => `p${i}`) },
  'a big list with one wrong': { plain: [...Array.from({ length: 300 }, (_, i) => `p${i}`), 5] },
};

/** What a schema takes, fills in, drops and refuses, and in which words. */
export function schemaScene(): Scene {
  const post = (say: string, spec: Any, query = ''): Question => ({
    say,
    method: 'POST',
    path: `${ANIMALS}?dryRun=All${query}`,
    body: animal('a', spec),
    brief: true,
  });
  return {
    name: 'schema',
    questions: [
      ...Object.entries(SPECS).flatMap(([field, values]) =>
        values.map(value => post(`${field}: ${JSON.stringify(value)}`, { [field]: value })),
      ),
      ...Object.entries(WHOLE_SPECS).map(([say, spec]) => post(say, spec)),
      ...['Strict', 'Warn', 'Ignore', 'Loud', ''].map(mode =>
        post(
          `an unknown field, fieldValidation=${mode}`,
          { bogus: 1, deep: { bogus: [1] } },
          `&fieldValidation=${mode}`,
        ),
      ),
      post(
        'an unknown field in a list, Strict',
        { meals: [{ name: 'a' }, { name: 'b', bogus: 1 }] },
        '&fieldValidation=Strict',
      ),
      post('unknown and invalid, Strict', { bogus: 1, color: 'green' }, '&fieldValidation=Strict'),
      {
        say: 'a field twice, Strict',
        method: 'POST',
        path: `${ANIMALS}?dryRun=All&fieldValidation=Strict`,
        body: '{"apiVersion":"zoo.example.org/v1","kind":"Animal","metadata":{"name":"a"},"spec":{"color":"red","color":"blue"}}',
      },
      {
        say: 'a field twice, Warn',
        method: 'POST',
        path: `${ANIMALS}?dryRun=All`,
        body: '{"apiVersion":"zoo.example.org/v1","kind":"Animal","metadata":{"name":"a"},"spec":{"color":"red","color":"blue"}}',
        brief: true,
      },
      ...['2.0', '2e0', '2.50', '1e400', '-0', '02', '9223372036854775808'].map(number => ({
        say: `count written ${number}`,
        method: 'POST' as const,
        path: `${ANIMALS}?dryRun=All`,
        body: `{"apiVersion":"zoo.example.org/v1","kind":"Animal","metadata":{"name":"a"},"spec":{"count":${number},"weight":${number},"port":${number},"free":{"n":${number}}}}`,
      })),
      {
        say: 'without spec',
        method: 'POST',
        path: `${ANIMALS}?dryRun=All`,
        body: { ...animal('a', {}), spec: undefined },
      },
      {
        say: 'an unknown field at the top',
        method: 'POST',
        path: `${ANIMALS}?dryRun=All`,
        body: animal('a', {}, { bogus: { a: 1 } }),
      },
    ],
  };
}
