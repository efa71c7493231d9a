import type { Any, Question, Scene } from '../question.ts';
import { ANIMALS, animal } from './animals.ts';

/** DELETE: preconditions, options, finalizers. What the garbage collector does is not the API server's to answer. */
export function deleteScene(): Scene {
  const A = `${ANIMALS}/a`;
  const remove = (say: string, body?: Any, query = '', path = A): Question => ({
    say,
    method: 'DELETE',
    path: `${path}${query}`,
    ...(body !== undefined && { body }),
  });
  const make = (say: string, metadata: Any = {}): Question => ({
    say,
    method: 'POST',
    path: ANIMALS,
    body: { ...animal('a', {}), metadata: { name: 'a', ...metadata } },
  });
  const merge = (say: string, body: Any): Question => ({
    say,
    method: 'PATCH',
    path: A,
    body,
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  return {
    name: 'deletes',
    questions: [
      make('made'),
      remove('of nobody', undefined, '', `${ANIMALS}/nobody`),
      remove('with another uid', { preconditions: { uid: '123e4567-e89b-12d3-a456-426614174000' } }),
      remove('with an old revision', { preconditions: { resourceVersion: '1' } }),
      remove('with options of a type', {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        preconditions: { uid: 'x' },
      }),
      remove('with options of another kind', { kind: 'Pod', apiVersion: 'v1' }),
      remove('dry', undefined, '?dryRun=All'),
      remove('dry in the body', { dryRun: ['All'] }),
      remove('dry by another word', { dryRun: ['Some'] }),
      remove('with a policy that is none', { propagationPolicy: 'Sideways' }),
      remove('with policy and orphanDependents', { propagationPolicy: 'Orphan', orphanDependents: true }),
      remove('with a grace below zero', { gracePeriodSeconds: -1 }),
      remove('with half of a body', '{'),
      remove('with a list', '[]'),
      remove('with an unknown option', { bogus: 1 }),
      make('made after an unknown option'),
      remove('at last', { propagationPolicy: 'Background' }),
      { say: 'gone', path: A },
      make('made with a finalizer', { finalizers: ['example.org/f'] }),
      remove('waits for its finalizer'),
      remove('waits still'),
      { say: 'is leaving', path: A },
      merge('a field of one that leaves', { spec: { count: 2 } }),
      merge('another finalizer', { metadata: { finalizers: ['example.org/f', 'example.org/g'] } }),
      merge('no deletionTimestamp', { metadata: { deletionTimestamp: null } }),
      make('made while it leaves'),
      merge('the finalizer goes', { metadata: { finalizers: [] } }),
      { say: 'gone with its finalizer', path: A },
    ],
  };
}
