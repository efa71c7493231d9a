import type { Any, Question, Scene } from '../question.ts';
import { ANIMALS, animal } from './animals.ts';

const A = `${ANIMALS}/a`;
const JSON_PATCH = { 'content-type': 'application/json-patch+json' };
const MERGE = { 'content-type': 'application/merge-patch+json' };

const JSON_PATCHES: Readonly<Record<string, Any>> = {
  'replace a field': [{ op: 'replace', path: '/spec/color', value: 'blue' }],
  'replace a field that is not there': [{ op: 'replace', path: '/spec/wild', value: true }],
  'add a field': [{ op: 'add', path: '/spec/wild', value: true }],
  'remove a field': [{ op: 'remove', path: '/spec/wild' }],
  'remove a field that is not there': [{ op: 'remove', path: '/spec/nothing' }],
  'add to the end of a list': [{ op: 'add', path: '/spec/plain/-', value: 'z' }],
  'add into a list': [{ op: 'add', path: '/spec/plain/0', value: 'y' }],
  'add past the end of a list': [{ op: 'add', path: '/spec/plain/9', value: 'y' }],
  'a test that holds': [
    { op: 'test', path: '/spec/color', value: 'blue' },
    { op: 'add', path: '/metadata/labels', value: { 'a/b': 'c' } },
  ],
  'a test that fails': [{ op: 'test', path: '/spec/color', value: 'green' }],
  'a path with a slash in it': [{ op: 'replace', path: '/metadata/labels/a~1b', value: 'd' }],
  move: [{ op: 'move', from: '/spec/plain', path: '/spec/words' }],
  copy: [{ op: 'copy', from: '/spec/words', path: '/spec/plain' }],
  'an op that is none': [{ op: 'paint', path: '/spec/color', value: 'red' }],
  'no op': [{ path: '/spec/color', value: 'red' }],
  'an object': { op: 'replace' },
  'nothing to do': [],
  'a bad value': [{ op: 'replace', path: '/spec/color', value: 'green' }],
  'an unknown field': [{ op: 'add', path: '/spec/bogus', value: 1 }],
  'another kind': [{ op: 'replace', path: '/kind', value: 'Plant' }],
  'another version': [{ op: 'replace', path: '/apiVersion', value: 'zoo.example.org/v2' }],
  'another name': [{ op: 'replace', path: '/metadata/name', value: 'b' }],
  'another namespace': [{ op: 'replace', path: '/metadata/namespace', value: 'other' }],
  'another uid': [{ op: 'replace', path: '/metadata/uid', value: '123e4567-e89b-12d3-a456-426614174000' }],
  'remove the uid': [{ op: 'remove', path: '/metadata/uid' }],
  'remove the spec': [{ op: 'remove', path: '/spec' }],
  'a status': [{ op: 'add', path: '/status', value: { phase: 'X' } }],
};

const MERGES: Readonly<Record<string, Any>> = {
  'a field': { spec: { color: 'red' } },
  'the same again': { spec: { color: 'red' } },
  'null takes away': { spec: { count: null } },
  'null for what is not there': { spec: { wild: null } },
  'null for what has a default': { spec: { color: null } },
  'a list is replaced': { spec: { plain: ['one'] } },
  'a list map is replaced': { spec: { meals: [{ name: 'oats' }] } },
  'a map is merged': { spec: { labels: { b: '2' } } },
  'a label': { metadata: { labels: { x: 'y' } } },
  'an annotation away': { metadata: { annotations: null } },
  'an old revision': { metadata: { resourceVersion: '1' }, spec: { color: 'blue' } },
  'another uid': { metadata: { uid: '123e4567-e89b-12d3-a456-426614174000' } },
  'another name': { metadata: { name: 'b' } },
  'another kind': { kind: 'Plant' },
  'a bad value': { spec: { color: 'green' } },
  'a bad type': { spec: 'x' },
  'an unknown field': { spec: { bogus: 1 } },
  'what may not change': { spec: { fixed: 'other' } },
  'a status': { status: { phase: 'X' } },
  'an empty object': {},
  'a list': [],
  'a text': '"x"',
  'half of it': '{',
  nothing: '',
};

/** PATCH of all types but apply. */
export function patchScene(): Scene {
  const patch = (say: string, body: unknown, headers: Record<string, string>, path = A): Question => ({
    say,
    method: 'PATCH',
    path,
    body,
    headers,
  });
  const first = animal('a', {
    color: 'red',
    count: 2,
    fixed: 'x',
    plain: ['a', 'b'],
    labels: { a: '1' },
    meals: [{ name: 'hay' }],
  });
  return {
    name: 'patches',
    questions: [
      { say: 'made', method: 'POST', path: ANIMALS, body: first },
      ...Object.entries(JSON_PATCHES).map(([say, body]) => patch(`JSON patch: ${say}`, body, JSON_PATCH)),
      ...Object.entries(MERGES).map(([say, body]) => patch(`merge patch: ${say}`, body, MERGE)),
      patch(
        'merge patch: an unknown field, Strict',
        { spec: { bogus: 1 } },
        MERGE,
        `${A}?fieldValidation=Strict`,
      ),
      patch(
        'merge patch: an unknown field, Ignore',
        { spec: { bogus: 1 } },
        MERGE,
        `${A}?fieldValidation=Ignore`,
      ),
      patch('merge patch: dry', { spec: { count: 8 } }, MERGE, `${A}?dryRun=All`),
      patch('merge patch: of nobody', { spec: { count: 8 } }, MERGE, `${ANIMALS}/nobody`),
      patch(
        'merge patch: status',
        { status: { phase: 'Done' }, spec: { color: 'blue' } },
        MERGE,
        `${A}/status`,
      ),
      patch(
        'JSON patch: status',
        [{ op: 'add', path: '/status/replicas', value: 5 }],
        JSON_PATCH,
        `${A}/status`,
      ),
      patch('merge patch: a wrong status', { status: { replicas: 'x' } }, MERGE, `${A}/status`),
      patch('merge patch: status away', { status: null }, MERGE, `${A}/status`),
      patch(
        'strategic merge patch',
        { spec: {} },
        { 'content-type': 'application/strategic-merge-patch+json' },
      ),
      patch('a patch of no type', { spec: {} }, { 'content-type': 'application/json' }),
      patch('a patch of text', { spec: {} }, { 'content-type': 'text/plain' }),
      { say: 'after all', path: A, managed: true },
      { say: 'gone', method: 'DELETE', path: A },
    ],
  };
}
