import type { Question, Scene, Seen } from '../question.ts';
import { ANIMALS, animal } from './animals.ts';

const ROWS = ['ant', 'bee', 'cat', 'dog', 'eel', 'fox', 'gnu'];
const COLORS = ['red', 'blue', 'grey'];
const revision = (seen: Seen) => seen('all').metadata.resourceVersion;
const encoded = (text: string) => encodeURIComponent(text);

/** Lists and watches: selectors, pages, revisions, tables. */
export function listScene(): Scene {
  const get = (
    say: string,
    query: string | ((seen: Seen) => string),
    headers: Record<string, string> = {},
  ): Question => ({
    say,
    path: typeof query === 'string' ? `${ANIMALS}?${query}` : seen => `${ANIMALS}?${query(seen)}`,
    headers,
  });
  const watch = (
    say: string,
    events: number,
    query: string | ((seen: Seen) => string),
    headers: Record<string, string> = {},
  ): Question => ({
    ...get(say, query, headers),
    events,
  });
  const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const PARTIAL = { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' };
  const PARTIAL_ONE = { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' };
  return {
    name: 'lists',
    questions: [
      ...ROWS.map((name, i) => ({
        say: `made ${name}`,
        method: 'POST' as const,
        path: ANIMALS,
        body: {
          ...animal(name, {
            color: COLORS[i % 3],
            count: i * 2,
            wild: i > 3,
            tags: ['t'],
            meals: [{ name: 'hay' }],
          }),
          metadata: {
            name,
            namespace: 'default',
            labels: { legs: String(i), odd: i % 2 === 1 ? 'yes' : 'no' },
          },
        },
      })),
      get('all', ''),
      { say: 'in all namespaces', path: '/apis/zoo.example.org/v1/animals' },
      { say: 'in an empty namespace', path: ANIMALS.replace('default', 'kube-system') },
      get('by label', 'labelSelector=odd%3Dyes'),
      get('by labels', `labelSelector=${encoded('odd in (yes,no),legs notin (1,2),legs,!wings')}`),
      get('by a label that is greater', `labelSelector=${encoded('legs>4')}`),
      get('by a bad label selector', `labelSelector=${encoded('odd==')}`),
      get('by a label selector of words', `labelSelector=${encoded('a b')}`),
      get('by a bad operator', `labelSelector=${encoded('odd within (yes)')}`),
      get('by a bad key', `labelSelector=${encoded('-x=y')}`),
      get('by a bad value', `labelSelector=${encoded('odd=a b')}`),
      get('by field', `fieldSelector=${encoded('spec.color=red')}`),
      get('by a field that is a number', `fieldSelector=${encoded('spec.count=4')}`),
      get('by a field that is a boolean', `fieldSelector=${encoded('spec.wild=true')}`),
      get('by a field that is not so', `fieldSelector=${encoded('spec.color!=red')}`),
      get('by name', `fieldSelector=${encoded('metadata.name=cat')}`),
      get('by namespace', `fieldSelector=${encoded('metadata.namespace=other')}`),
      get('by fields', `fieldSelector=${encoded('spec.color=red,metadata.name!=ant')}`),
      get('by a field that may not be asked', `fieldSelector=${encoded('spec.weight=1')}`),
      get('by a bad field selector', `fieldSelector=${encoded('spec.color')}`),
      get('a page', 'limit=3'),
      get('the next page', seen => `limit=3&continue=${encoded(seen('a page').metadata.continue)}`),
      get('the last page', seen => `limit=3&continue=${encoded(seen('the next page').metadata.continue)}`),
      get('a page by label', 'limit=1&labelSelector=odd%3Dyes'),
      get('a page larger than all', 'limit=100'),
      get('limit zero', 'limit=0'),
      get('limit below zero', 'limit=-1'),
      get('limit that is no number', 'limit=many'),
      get('a token that is none', 'continue=abc'),
      get(
        'a token with a revision',
        seen => `continue=${encoded(seen('a page').metadata.continue)}&resourceVersion=${revision(seen)}`,
      ),
      get('revision 0', 'resourceVersion=0'),
      get('revision 0, pages', 'resourceVersion=0&limit=2'),
      get('this revision', seen => `resourceVersion=${revision(seen)}`),
      get('exactly this revision', seen => `resourceVersion=${revision(seen)}&resourceVersionMatch=Exact`),
      get(
        'not older than this revision',
        seen => `resourceVersion=${revision(seen)}&resourceVersionMatch=NotOlderThan`,
      ),
      get('exactly revision 0', 'resourceVersion=0&resourceVersionMatch=Exact'),
      get('a match without a revision', 'resourceVersionMatch=Exact'),
      get('a match that is none', seen => `resourceVersion=${revision(seen)}&resourceVersionMatch=Near`),
      get('a revision that is no number', 'resourceVersion=abc'),
      get('sendInitialEvents without watch', 'sendInitialEvents=true'),
      get('a table', '', TABLE),
      get('a table without objects', 'includeObject=None', TABLE),
      get('a table of objects', 'includeObject=Object&limit=1', TABLE),
      get('a table of a bad choice', 'includeObject=Some', TABLE),
      get('metadata', 'limit=2', PARTIAL),
      watch('watch from nothing', 7, 'watch=true&timeoutSeconds=5'),
      watch('watch from 0', 7, 'watch=1&resourceVersion=0&timeoutSeconds=5'),
      watch(
        'watch from the fifth',
        2,
        seen => `watch=true&resourceVersion=${seen('made eel').metadata.resourceVersion}&timeoutSeconds=5`,
      ),
      watch('watch by label', 3, 'watch=true&labelSelector=odd%3Dyes&timeoutSeconds=5'),
      watch('watch by field', 3, `watch=true&fieldSelector=${encoded('spec.color=red')}&timeoutSeconds=5`),
      watch(
        'watch with all first',
        8,
        'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=5',
      ),
      watch(
        'watch with all first, without bookmarks',
        7,
        'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=5',
      ),
      watch(
        'watch with all first, from 0',
        8,
        'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=5',
      ),
      watch('watch with all first, match missing', 1, 'watch=true&sendInitialEvents=true&timeoutSeconds=1'),
      watch(
        'watch with a match alone',
        1,
        seen =>
          `watch=true&resourceVersion=${revision(seen)}&resourceVersionMatch=NotOlderThan&timeoutSeconds=1`,
      ),
      watch(
        'watch exactly',
        1,
        seen =>
          `watch=true&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=${revision(seen)}&timeoutSeconds=1`,
      ),
      watch('watch from no number', 1, 'watch=true&resourceVersion=abc&timeoutSeconds=1'),
      watch('watch with a limit', 1, 'watch=true&continue=abc&timeoutSeconds=1'),
      watch('watch as table', 7, 'watch=true&timeoutSeconds=5', TABLE),
      watch('watch metadata', 7, 'watch=true&timeoutSeconds=5', PARTIAL_ONE),
      {
        say: 'red turns blue',
        method: 'PATCH',
        path: `${ANIMALS}/ant`,
        body: { spec: { color: 'blue' } },
        headers: { 'content-type': 'application/merge-patch+json' },
      },
      {
        say: 'blue turns red',
        method: 'PATCH',
        path: `${ANIMALS}/bee`,
        body: { spec: { color: 'red' } },
        headers: { 'content-type': 'application/merge-patch+json' },
      },
      { say: 'one goes', method: 'DELETE', path: `${ANIMALS}/dog` },
      watch(
        'watch what came and went',
        3,
        seen =>
          `watch=true&fieldSelector=${encoded('spec.color=red')}&resourceVersion=${revision(seen)}&timeoutSeconds=5`,
      ),
      watch(
        'watch everything since',
        3,
        seen => `watch=true&resourceVersion=${revision(seen)}&timeoutSeconds=5`,
      ),
      get('exactly the state before', seen => `resourceVersion=${revision(seen)}&resourceVersionMatch=Exact`),
      get(
        'the next page of the state before',
        seen => `limit=10&continue=${encoded(seen('a page').metadata.continue)}`,
      ),
      watch(
        'watch one by name',
        1,
        seen =>
          `watch=true&fieldSelector=${encoded('metadata.name=dog')}&resourceVersion=${revision(seen)}&timeoutSeconds=5`,
      ),
      {
        say: 'watch by the path of one',
        path: seen => `${ANIMALS}/ant?watch=true&resourceVersion=${revision(seen)}&timeoutSeconds=5`,
        events: 1,
      },
      {
        say: 'blue ones go',
        method: 'DELETE',
        path: `${ANIMALS}?fieldSelector=${encoded('spec.color=blue')}`,
      },
      { say: 'odd ones go, dry', method: 'DELETE', path: `${ANIMALS}?labelSelector=odd%3Dyes&dryRun=All` },
      { say: 'all go', method: 'DELETE', path: ANIMALS },
      get('none is left', ''),
      { say: 'all of none go', method: 'DELETE', path: ANIMALS },
    ],
  };
}
