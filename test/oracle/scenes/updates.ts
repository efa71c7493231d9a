import type { Any, Question, Scene, Seen } from '../question.ts';
import { ANIMALS, animal } from './animals.ts';

const A = `${ANIMALS}/a`;

/** The object as it was answered last, changed. */
const changed = (say: string, change: (object: Any) => Any) => (seen: Seen) =>
  change(structuredClone(seen(say)));
const withSpec = (say: string, spec: Any, keep = true) =>
  changed(say, object => ({ ...object, spec: keep ? { ...object.spec, ...spec } : spec }));
const withMeta = (say: string, metadata: Any) =>
  changed(say, object => ({ ...object, metadata: { ...object.metadata, ...metadata } }));

/** PUT: revisions, identity, what may not change, what an old fault may stay as, and status. */
export function updateScene(): Scene {
  const put = (say: string, body: Question['body'], path = A): Question => ({
    say,
    method: 'PUT',
    path,
    body,
  });
  return {
    name: 'updates',
    questions: [
      {
        say: 'made',
        method: 'POST',
        path: ANIMALS,
        body: animal('a', { color: 'red', fixed: 'x', once: 'o' }, { status: { phase: 'Lost' } }),
        managed: true,
      },
      put('the same', (seen: Seen) => seen('made')),
      put('a field', withSpec('made', { count: 4 })),
      put('an old revision', withSpec('made', { count: 6 })),
      put('no revision', withMeta('a field', { resourceVersion: undefined })),
      put('a revision that is no number', withMeta('a field', { resourceVersion: 'abc' })),
      put('revision zero', withMeta('a field', { resourceVersion: '0' })),
      put('a later revision', withMeta('a field', { resourceVersion: '99999999' })),
      put('another uid', withMeta('a field', { uid: '123e4567-e89b-12d3-a456-426614174000' })),
      put('no uid', withMeta('a field', { uid: undefined })),
      put('another name', withMeta('a field', { name: 'b' })),
      put('no name', withMeta('a field', { name: undefined })),
      put('another namespace', withMeta('a field', { namespace: 'other' })),
      put('no namespace', withMeta('a field', { namespace: undefined, labels: { a: 'b' } })),
      put(
        'another creationTimestamp',
        withMeta('no namespace', { creationTimestamp: '2020-01-01T00:00:00Z' }),
      ),
      put('another generation', withMeta('no namespace', { generation: 99 })),
      put('a deletionTimestamp', withMeta('no namespace', { deletionTimestamp: '2020-01-01T00:00:00Z' })),
      put('bad labels', withMeta('no namespace', { labels: { a: 'b c' } })),
      put(
        'dry',
        (seen: Seen) => ({ ...seen('no namespace'), spec: { ...seen('no namespace').spec, count: 8 } }),
        `${A}?dryRun=All`,
      ),
      put('what may not change', withSpec('no namespace', { fixed: 'y' })),
      put(
        'what may not change, taken away',
        changed('no namespace', object => {
          object.spec.fixed = undefined;
          return object;
        }),
      ),
      put('a rule with an optional past', withSpec('what may not change, taken away', { once: 'p' })),
      put('a broken rule', withSpec('what may not change, taken away', { low: 5, high: 1 })),
      put('a wrong field', withSpec('what may not change, taken away', { color: 'green' })),
      put(
        'status through the front door',
        changed('what may not change, taken away', object => ({
          ...object,
          status: { phase: 'Found' },
          spec: { ...object.spec, count: 10 },
        })),
      ),
      put(
        'status',
        changed('status through the front door', object => ({
          ...object,
          status: { phase: 'Found' },
          spec: { color: 'blue' },
        })),
        `${A}/status`,
      ),
      put(
        'status with labels',
        changed('status', object => ({
          ...object,
          metadata: { ...object.metadata, labels: { z: '1' }, finalizers: ['example.org/f'] },
          status: { phase: 'Lost again' },
        })),
        `${A}/status`,
      ),
      put(
        'a wrong status',
        changed('status with labels', object => ({
          ...object,
          status: { conditions: [{ status: 'True' }] },
        })),
        `${A}/status`,
      ),
      put(
        'an unknown field of status',
        changed('status with labels', object => ({ ...object, status: { bogus: 1 } })),
        `${A}/status?fieldValidation=Strict`,
      ),
      put(
        'a status without a status',
        changed('status with labels', object => ({ ...object, status: undefined })),
        `${A}/status`,
      ),
      { say: 'status is read', path: `${A}/status` },
      { say: 'after all', path: A, managed: true },
      put(
        'a PUT of nobody',
        { ...animal('nobody', {}), metadata: { name: 'nobody', resourceVersion: '5' } },
        `${ANIMALS}/nobody`,
      ),
      put('a PUT of nobody without revision', animal('nobody', {}), `${ANIMALS}/nobody`),
      put('status of nobody', animal('nobody', {}), `${ANIMALS}/nobody/status`),
      { say: 'gone', method: 'DELETE', path: A },
      ...ratcheting(),
    ],
  };
}

/** A fault that was stored under a looser schema may stay (KEP-4008); v1beta1 of the zoo takes everything. */
function ratcheting(): readonly Question[] {
  const OLD = ANIMALS.replace('/v1/', '/v1beta1/');
  const old = {
    apiVersion: 'zoo.example.org/v1beta1',
    kind: 'Animal',
    metadata: { name: 'old' },
    spec: {
      color: 'green',
      count: 101,
      low: 5,
      high: 1,
      even: 3,
      tags: ['a', 'a'],
      plain: [5],
      meals: [{ name: 'hay', grams: 0 }],
      labels: {},
      ip4: 'x',
    },
  };
  const put = (say: string, body: Question['body']): Question => ({
    say,
    method: 'PUT',
    path: `${ANIMALS}/old`,
    body,
  });
  const patch = (say: string, spec: Any): Question => ({
    say,
    method: 'PATCH',
    path: `${ANIMALS}/old`,
    body: { spec },
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  return [
    { say: 'an old fault is stored', method: 'POST', path: OLD, body: old },
    { say: 'an old fault is read', path: `${ANIMALS}/old` },
    put('an old fault stays', withMeta('an old fault is read', { labels: { touched: 'yes' } })),
    patch('a good field beside old faults', { wild: true }),
    patch('a new fault beside old faults', { name: 'X' }),
    patch('an old fault becomes another', { color: 'purple' }),
    patch('an old broken rule is touched', { low: 6 }),
    patch('an item beside an old fault of a list map', {
      meals: [
        { name: 'hay', grams: 0 },
        { name: 'oats', grams: 2 },
      ],
    }),
    patch('an old fault in a list map changes', { meals: [{ name: 'hay', grams: -1 }] }),
    patch('an item beside an old fault of a plain list', { plain: [5, 'x'] }),
    patch('an old list with a double grows', { tags: ['a', 'a', 'b'] }),
    patch('old faults are mended', {
      color: 'red',
      count: 2,
      low: 1,
      even: 2,
      tags: ['a'],
      plain: ['x'],
      meals: null,
      labels: null,
      ip4: '10.0.0.1',
    }),
    { say: 'old gone', method: 'DELETE', path: `${ANIMALS}/old` },
  ];
}
