import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Any, type Event, type Rig, startRig } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({ bookmarkIntervalMs: 50 });
});
afterAll(() => rig.close());

const MERGE = { 'content-type': 'application/merge-patch+json' };

/** What a client knows: objects by name. */
function replay(start: readonly Any[], events: readonly Event[]): Map<string, Any> {
  const state = new Map(start.map(item => [item.metadata.name, bare(item)]));
  for (const { type, object } of events) {
    if (type === 'DELETED') state.delete(object.metadata.name);
    else if (type !== 'BOOKMARK') state.set(object.metadata.name, bare(object));
  }
  return state;
}

function bare({ kind: _kind, apiVersion: _apiVersion, ...object }: Any): Any {
  return object;
}

describe('list and watch', () => {
  const write = fc.tuple(
    fc.constantFrom('create', 'change', 'relabel', 'delete'),
    fc.constantFrom('a', 'b', 'c'),
    fc.constantFrom('1', '2'),
  );
  it('from any version reproduce the state, with and without a selector', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 12 }), async writes => {
        const namespace = `w${++run}`;
        const path = `/api/v1/namespaces/${namespace}/secrets`;
        await rig.call('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
        const lists = new Map<string, readonly Any[][]>();
        const queries = ['', '&labelSelector=g%3D1'];
        const remember = async () => {
          const [all, some] = await Promise.all(queries.map(query => rig.call('GET', `${path}?x=1${query}`)));
          lists.set(all?.body.metadata.resourceVersion, [all?.body.items, some?.body.items]);
        };
        await remember();
        for (const [what, name, value] of writes) {
          const body = { metadata: { name, labels: { g: value } }, stringData: { v: value } };
          if (what === 'create') await rig.call('POST', path, body);
          else if (what === 'delete') await rig.call('DELETE', `${path}/${name}`);
          else if (what === 'change')
            await rig.call('PATCH', `${path}/${name}`, { stringData: { v: `${value}!` } }, MERGE);
          else await rig.call('PATCH', `${path}/${name}`, { metadata: { labels: { g: value } } }, MERGE);
          await remember();
        }
        const last = [...lists.keys()].at(-1) as string;
        const caught = (events: readonly Event[]) =>
          Number(events.at(-1)?.object.metadata.resourceVersion ?? 0) >= Number(last);
        for (const [version, starts] of lists) {
          for (const [i, query] of queries.entries()) {
            const url = `${path}?watch=true&allowWatchBookmarks=true&resourceVersion=${version}${query}`;
            const events = version === last ? [] : await rig.watch(url, caught);
            const versions = events.map(({ object }) => Number(object.metadata.resourceVersion));
            expect(versions).toEqual([...versions].sort((a, b) => a - b));
            const end = (lists.get(last) as readonly Any[][])[i] as Any[];
            expect(replay(starts[i] as Any[], events)).toEqual(replay(end, []));
          }
        }
      }),
      { numRuns: 6 },
    );
  });

  it('of a thousand pods are complete, quick and in order', async () => {
    const path = '/api/v1/namespaces/default/pods';
    const start = (await rig.call('GET', path)).body.metadata.resourceVersion;
    const watching = [1, 2, 3].map(() =>
      rig.watch(`${path}?watch=true&resourceVersion=${start}`, events => events.length >= 1000),
    );
    const began = performance.now();
    const names = Array.from({ length: 1000 }, (_, i) => `p${String(i).padStart(4, '0')}`);
    for (let i = 0; i < 1000; i += 50) {
      await Promise.all(
        names.slice(i, i + 50).map(name =>
          rig.call('POST', path, {
            metadata: { name },
            spec: { containers: [{ name: 'c', image: 'x:1' }] },
          }),
        ),
      );
    }
    const seen = await Promise.all(watching);
    expect((performance.now() - began) / 1000).toBeLessThan(10);
    const list = (await rig.call('GET', path)).body;
    expect(list.items.map((item: Any) => item.metadata.name)).toEqual(names);
    for (const events of seen) {
      expect(new Set(events.map(({ type, object }) => `${type} ${object.metadata.name}`))).toEqual(
        new Set(names.map(name => `ADDED ${name}`)),
      );
    }
    const pages: string[] = [];
    let token = '';
    do {
      const { body } = await rig.call('GET', `${path}?limit=300${token === '' ? '' : `&continue=${token}`}`);
      pages.push(...body.items.map((item: Any) => item.metadata.name));
      token = body.metadata.continue ?? '';
    } while (token !== '');
    expect(pages).toEqual(names);
  });
});
