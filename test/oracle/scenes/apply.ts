import type { Any, Question, Scene } from '../question.ts';
import { ANIMALS, animal } from './animals.ts';

const APPLY = { 'content-type': 'application/apply-patch+yaml' };

/** Server-side apply: who owns what, who is in whose way, and what goes when nobody wants it any more. */
export function applyScene(): Scene {
  const apply = (
    say: string,
    manager: string,
    spec: Any,
    more: Any = {},
    query = '',
    name = 'a',
  ): Question => ({
    say,
    method: 'PATCH',
    path: `${ANIMALS}/${name}?fieldManager=${manager}${query}`,
    headers: APPLY,
    body: { ...animal(name, spec), ...more },
    managed: true,
  });
  const raw = (say: string, body: unknown, query = '?fieldManager=one'): Question => ({
    say,
    method: 'PATCH',
    path: `${ANIMALS}/a${query}`,
    headers: APPLY,
    body,
  });
  const hay = { name: 'hay', time: 'dusk', grams: 5 };
  return {
    name: 'apply',
    questions: [
      apply('one makes it', 'one', { color: 'red', tags: ['a', 'b'], meals: [hay], labels: { x: '1' } }),
      apply('one again', 'one', { color: 'red', tags: ['a', 'b'], meals: [hay], labels: { x: '1' } }),
      apply('two wants another color', 'two', { color: 'blue' }),
      apply('two wants two things of one', 'two', { color: 'blue', labels: { x: '2' } }),
      apply('two wants another amount', 'two', { meals: [{ ...hay, grams: 6 }] }),
      apply('two wants the same color', 'two', { color: 'red' }),
      apply('two adds to lists and maps', 'two', {
        color: 'red',
        tags: ['c'],
        meals: [{ name: 'oats', time: 'dawn' }],
        labels: { y: '2' },
      }),
      apply('one lets go of the color', 'one', { tags: ['a', 'b'], meals: [hay], labels: { x: '1' } }),
      apply('two lets go of the color as well', 'two', {
        tags: ['c'],
        meals: [{ name: 'oats', time: 'dawn' }],
      }),
      apply('one empties a map', 'one', { tags: ['a', 'b'], meals: [hay], labels: {} }, {}, '&dryRun=All'),
      apply('one lets go of an item', 'one', { tags: ['a'], meals: [], labels: { x: '1' } }),
      apply('two by force', 'two', { tags: ['c', 'a'], count: 4 }, {}, '&force=true'),
      apply('three, dry', 'three', { count: 6 }, {}, '&force=true&dryRun=All'),
      apply('atomic list by one', 'one', { words: ['x', 'y'], box: { a: '1' } }),
      apply('atomic list by two', 'two', { words: ['x', 'z'] }),
      apply('atomic map by two', 'two', { box: { a: '1', b: '2' } }),
      apply('status by the front door', 'one', { words: ['x', 'y'] }, { status: { phase: 'X' } }),
      {
        say: 'status by its own door',
        method: 'PATCH',
        path: `${ANIMALS}/a/status?fieldManager=keeper`,
        headers: APPLY,
        body: {
          ...animal('a', {}),
          status: { phase: 'Fed', conditions: [{ type: 'Ready', status: 'True' }] },
        },
        managed: true,
      },
      { say: 'read', path: `${ANIMALS}/a`, managed: true },
      {
        say: 'status is emptied',
        method: 'PATCH',
        path: `${ANIMALS}/a/status?fieldManager=keeper&dryRun=All`,
        headers: APPLY,
        body: { ...animal('a', {}), status: {} },
      },
      apply('a bad value', 'one', { color: 'green' }),
      apply('a bad type', 'one', { tags: 'a' }),
      apply('a number for a text', 'one', { color: 5 }),
      apply('a text for a number', 'one', { count: 'x' }),
      apply('a text for a boolean', 'one', { wild: 'yes' }),
      apply('a list for a map', 'one', { labels: ['a'] }),
      apply('a number for a list', 'one', { tags: 5 }),
      apply('a fraction for a whole number', 'one', { big: 1.5 }),
      apply('a double in a set', 'one', { tags: ['a', 'a'] }),
      apply('a double in a list map', 'one', { meals: [hay, hay] }),
      apply('an item without its key', 'one', { meals: [{ time: 'noon' }] }),
      apply('an unknown field', 'one', { bogus: 1 }),
      apply('an unknown field, Strict', 'one', { bogus: 1 }, {}, '&fieldValidation=Strict'),
      apply('null', 'one', { color: null }),
      raw('no manager', animal('a', {}), ''),
      raw('no kind', { apiVersion: 'zoo.example.org/v1', metadata: { name: 'a' } }),
      raw('no apiVersion', { kind: 'Animal', metadata: { name: 'a' } }),
      raw('another kind', { ...animal('a', {}), kind: 'Plant' }),
      raw('another version', { ...animal('a', {}), apiVersion: 'zoo.example.org/v2' }),
      raw('another name', animal('b', {})),
      raw('no name', { ...animal('a', {}), metadata: {} }),
      raw('managedFields in it', {
        ...animal('a', {}),
        metadata: { name: 'a', managedFields: [{ manager: 'x' }] },
      }),
      raw('YAML', 'apiVersion: zoo.example.org/v1\nkind: Animal\nmetadata: {name: a}\nspec: {wild: true}\n'),
      raw('a list', []),
      raw('nothing', ''),
      raw('an old revision', { ...animal('a', {}), metadata: { name: 'a', resourceVersion: '1' } }),
      raw('another uid', {
        ...animal('a', {}),
        metadata: { name: 'a', uid: '123e4567-e89b-12d3-a456-426614174000' },
      }),
      apply('a generated name', 'one', {}, { metadata: { generateName: 'g-' } }),
      apply(
        'a new one with a revision',
        'one',
        {},
        { metadata: { name: 'c', resourceVersion: '5' } },
        '',
        'c',
      ),
      apply(
        'a new one with a uid',
        'one',
        {},
        { metadata: { name: 'c', uid: '123e4567-e89b-12d3-a456-426614174000' } },
        '',
        'c',
      ),
      { say: 'gone', method: 'DELETE', path: `${ANIMALS}/a` },
      { say: 'the other one gone', method: 'DELETE', path: `${ANIMALS}/c` },
    ],
  };
}
