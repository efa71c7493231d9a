import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../src/clock.ts';
import {
  KubeClient,
  type KubeFault,
  Reflector,
  type ReflectorEvent,
  ReflectorGroup,
  RESOURCES,
} from '../src/index.ts';
import {
  type Behaviour,
  bookmark,
  event,
  FaultyServer,
  list,
  reset,
  status,
  text,
  thing,
  watch,
} from './faulty-server.ts';

/** Real time, waits of no time: back-off is asserted by its numbers, not by waiting. */
class QuickClock implements Clock {
  readonly waits: number[] = [];
  offset = 0;
  now(): number {
    return Date.now() + this.offset;
  }
  async sleep(ms: number): Promise<void> {
    this.waits.push(ms);
    this.offset += ms;
    await new Promise(resolve => setTimeout(resolve, 1));
  }
}

let server: FaultyServer;
let client: KubeClient;
let clock: QuickClock;
let events: ReflectorEvent<never>[];
let faults: KubeFault[];
let reflector: Reflector<never>;

beforeEach(async () => {
  server = await FaultyServer.start();
  client = new KubeClient(server.connection(), { timeoutMs: 2_000 });
  clock = new QuickClock();
  events = [];
  faults = [];
});
afterEach(async () => {
  await reflector.stop();
  await client.close();
  await server.stop();
});

function reflect(script: readonly Behaviour[], more: object = {}): void {
  server.script = [...script];
  reflector = new Reflector<never>(client, RESOURCES.ConfigMap, {
    clock,
    random: () => 0.5,
    onEvent: e => events.push(e),
    onFault: f => faults.push(f),
    ...more,
  });
  reflector.start();
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !condition(); i++) await new Promise(resolve => setTimeout(resolve, 2));
  expect(condition()).toBe(true);
}

const said = () =>
  events.map(e =>
    e.type === 'synced'
      ? 'synced'
      : `${e.type} ${(e.object as { metadata: { name: string } }).metadata.name}`,
  );

const hang = watch([], 'hang');

describe('Reflector', () => {
  it('lists from the cache, watches from there with bookmarks, and keeps old and new', async () => {
    reflect([
      list('10', [thing('a', '5')]),
      watch([event('ADDED', thing('b', '11')), event('MODIFIED', thing('a', '12', { x: '1' }))], 'hang'),
    ]);
    await until(() => events.length === 4);
    expect(said()).toEqual(['upsert a', 'synced', 'upsert b', 'upsert a']);
    expect(events[3]).toMatchObject({ object: { data: { x: '1' } }, old: { data: {} } });
    const [first, second] = server.seen;
    expect(first?.query.get('resourceVersion')).toBe('0');
    expect(first?.query.get('limit')).toBe('500');
    expect(Object.fromEntries(second?.query ?? [])).toEqual({
      watch: 'true',
      resourceVersion: '10',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '450',
    });
    expect(JSON.stringify([...reflector.items.values()])).not.toContain('managedFields');
    expect(reflector.freshness.staleSince).toBeUndefined();
  });
  it('reads every page before it says synced', async () => {
    reflect([list('10', [thing('a', '1')], 'more'), list('10', [thing('b', '2')]), hang]);
    await reflector.whenSynced();
    expect(said()).toEqual(['upsert a', 'upsert b', 'synced']);
    expect(server.seen[1]?.query.get('continue')).toBe('more');
    expect(server.seen[1]?.query.has('resourceVersion')).toBe(false);
  });
  it('takes an optional kind that is not served for one without objects, and asks again', async () => {
    const absent = status(404, 'NotFound', 'the server could not find the requested resource');
    const refused = status(403, 'Forbidden', 'definitions are not for you');
    const [a, b] = [list('10', [thing('a', '1')]), list('20', [thing('b', '2')])];
    reflect([absent, refused, absent, refused, a, absent, absent, refused, b, hang], { optional: true });
    await until(() => said().includes('upsert b'));
    // It came with its CRD, went with it (its watch is not found either), and came again.
    const gone = ['delete a', 'synced'];
    expect(said()).toEqual(['synced', 'synced', 'upsert a', 'synced', ...gone, 'upsert b', 'synced']);
    // Whoever may not watch definitions asks after minutes, and not all at once.
    expect(clock.waits).toEqual([45_000, 90_000, 45_000]);
    expect(faults).toEqual([]);
  });
  it('asks for an optional kind again as soon as its definition changes, and in between as long as it is not served', async () => {
    const absent = status(404, 'NotFound', 'the server could not find the requested resource');
    const defined = (version: string) => watch([event('ADDED', thing('definition', version))], 'hang');
    reflect([absent, defined('7'), absent, defined('7'), absent, defined('8'), list('9', []), hang], {
      optional: true,
    });
    await until(() => server.seen.length === 8);
    const asked = server.seen.map(({ path, query }) => query.get('fieldSelector') ?? path);
    const [kind, definition] = ['/api/v1/configmaps', 'metadata.name=configmaps'];
    expect(asked).toEqual([kind, definition, kind, definition, kind, definition, kind, kind]);
    // At once; after a moment, as what was defined is not served yet; at once.
    expect(clock.waits).toEqual([375]);
  });
  it('asks no hotter for an optional kind where watches of definitions end at once', async () => {
    const absent = status(404, 'NotFound', 'the server could not find the requested resource');
    const empty = watch([], 'close');
    reflect([absent, empty, absent, empty, absent, hang], { optional: true });
    await until(() => server.seen.length === 6);
    expect(clock.waits).toEqual([75, 150]);
  });
  it('keeps waiting for a kind that must be served', async () => {
    reflect([status(404, 'NotFound', 'no such resource'), status(404, 'NotFound', 'no such resource'), hang]);
    await until(() => faults.length === 2);
    expect(reflector.synced).toBe(false);
  });
  it('goes on from the last bookmark after the server closes a watch', async () => {
    reflect([list('10', []), watch([bookmark('40')], 'close'), hang]);
    await until(() => server.seen.length === 3);
    expect(server.seen[2]?.query.get('resourceVersion')).toBe('40');
    expect(said()).toEqual(['synced']);
    expect(faults).toEqual([]);
  });
  for (const [name, gone] of [
    ['as an HTTP status', status(410, 'Expired', 'too old resource version')],
    [
      'as an ERROR event',
      watch([event('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' })], 'close'),
    ],
  ] as const)
    it(`lists the newest state after a 410 ${name} and works out what was deleted meanwhile`, async () => {
      reflect([
        list('10', [thing('a', '1'), thing('b', '2')]),
        gone,
        list('90', [thing('b', '2'), thing('c', '80')]),
        hang,
      ]);
      await until(() => server.seen.length === 4);
      expect(said()).toEqual(['upsert a', 'upsert b', 'synced', 'delete a', 'upsert c', 'synced']);
      expect(server.seen[2]?.query.has('resourceVersion')).toBe(false);
      expect(server.seen[3]?.query.get('resourceVersion')).toBe('90');
      expect(faults.map(f => f.code)).toEqual(['Gone']);
    });
  it('backs off when every watch is answered with 410', async () => {
    const gone = status(410, 'Expired', 'too old');
    reflect([list('1', []), gone, list('2', []), gone, list('3', []), gone, list('4', []), hang]);
    await until(() => server.seen.length === 8);
    expect(clock.waits.length).toBeGreaterThanOrEqual(2);
  });
  it('deletes nothing through resets, errors, refusals, broken lists and broken JSON', async () => {
    reflect([
      list('10', [thing('a', '1')]),
      watch([], 'reset'),
      status(500, 'InternalError', 'etcd is away'),
      reset,
      status(403, 'Forbidden', 'no'),
      status(404, 'NotFound', 'no such resource'),
      watch(['{"type":"ADDED","obj'], 'close'),
      watch(['this is not JSON\n'], 'hang'),
      status(410, 'Expired', 'too old'),
      text('<html>hello</html>', 'text/html'),
      text('{"kind":"Status"}', 'application/json'),
      text('{"items": [', 'application/json'),
      list('20', [thing('a', '1')]),
      hang,
    ]);
    await until(() => server.seen.length === 14);
    expect(said()).toEqual(['upsert a', 'synced', 'synced']);
    expect(faults.map(f => f.code)).toEqual([
      'Unreachable',
      'Other',
      'Unreachable',
      'Forbidden',
      'NotFound',
      'Unreachable',
      'Unreachable',
      'Gone',
      'Unreachable',
      'Unreachable',
      'Unreachable',
    ]);
    expect(clock.waits.slice(0, 4)).toEqual([75, 150, 300, 600]);
  });
  it('never waits longer than 10 s, and waits as long as a throttling server asks', async () => {
    const failures = Array.from({ length: 12 }, () => status(500, 'InternalError', 'no'));
    reflect([
      ...failures,
      status(429, 'TooManyRequests', 'slow down', { headers: { 'retry-after': '70' } }),
      list('1', []),
      hang,
    ]);
    await until(() => server.seen.length === 15);
    expect(Math.max(...clock.waits.slice(0, 12))).toBe(7_500);
    expect(clock.waits[12]).toBe(70_000);
  });
  it('does not spin when the server closes each watch at once', async () => {
    reflect([list('1', []), watch([], 'close'), watch([], 'close'), watch([], 'close'), hang]);
    await until(() => server.seen.length === 5);
    expect(clock.waits).toEqual([75, 150, 300]);
  });
  it('leaves a half-open watch after its silence limit and goes on from the same version', async () => {
    reflect([list('7', []), watch([event('ADDED', thing('a', '8'))], 'hang'), hang], { idleMs: 60 });
    await until(() => server.seen.length === 3);
    expect(faults[0]).toMatchObject({ code: 'Timeout' });
    expect(faults[0]?.message).toContain('half-open');
    expect(server.seen[2]?.query.get('resourceVersion')).toBe('8');
    expect(said()).toEqual(['synced', 'upsert a']);
  });
  it('says since when it is stale, and that it is fresh again', async () => {
    let release: () => void = () => {};
    const gate = new Promise<void>(resolve => {
      release = resolve;
    });
    reflect([
      list('7', [thing('a', '1')]),
      watch([], 'reset'),
      async (response, seen) => {
        await gate;
        await hang(response, seen);
      },
    ]);
    await until(() => server.seen.length === 3);
    const { heardAt, staleSince } = reflector.freshness;
    expect(staleSince).toBe(heardAt);
    expect(reflector.synced).toBe(true);
    expect(reflector.items.size).toBe(1);
    release();
    await until(() => reflector.freshness.staleSince === undefined);
  });
  it('asks for the newest list when a server has not yet seen the version it knows', async () => {
    reflect([
      list('50', []),
      status(400, 'BadRequest', 'bad version'),
      status(504, 'Timeout', 'Too large resource version', {
        details: { causes: [{ reason: 'ResourceVersionTooLarge' }] },
      }),
      list('60', []),
      hang,
    ]);
    await until(() => server.seen.length === 5);
    expect(server.seen[3]?.query.has('resourceVersion')).toBe(false);
  });
  it('does not repeat an event that the list already told', async () => {
    reflect([
      list('10', [thing('a', '9')]),
      watch(
        [
          event('ADDED', thing('a', '9')),
          event('DELETED', thing('z', '12')),
          event('DELETED', thing('a', '13')),
        ],
        'hang',
      ),
    ]);
    await until(() => events.length === 3);
    expect(said()).toEqual(['upsert a', 'synced', 'delete a']);
  });
  it('lists and watches only the namespace, labels and fields asked for', async () => {
    reflect([list('1', [], 'more'), list('1', []), hang], {
      namespace: 'web',
      labelSelector: 'app=x',
      fieldSelector: 'spec.nodeName=n1',
      pageSize: 2,
    });
    await until(() => server.seen.length === 3);
    for (const seen of server.seen) {
      expect(seen.path).toBe('/api/v1/namespaces/web/configmaps');
      expect(seen.query.get('labelSelector')).toBe('app=x');
      expect(seen.query.get('fieldSelector')).toBe('spec.nodeName=n1');
    }
    expect(server.seen[0]?.query.get('limit')).toBe('2');
  });
  it('says nothing after stop, and stop closes the open watch', async () => {
    reflect([list('10', []), hang]);
    await until(() => server.seen.length === 2);
    const before = events.length;
    await reflector.stop();
    expect(events.length).toBe(before);
    reflector.start();
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(server.seen.length).toBe(2);
  });
});

describe('ReflectorGroup', () => {
  it('is synced when every member is', async () => {
    reflect([list('1', []), hang]);
    const late = Promise.withResolvers<void>();
    const other = {
      synced: false,
      freshness: { heardAt: undefined, staleSince: 5 },
      whenSynced: () => late.promise,
      start: () => {},
      stop: async () => {},
    };
    const group = new ReflectorGroup([reflector, other]);
    group.start();
    await reflector.whenSynced();
    expect(group.synced).toBe(false);
    expect(group.staleSince).toBe(5);
    other.synced = true;
    late.resolve();
    await group.whenSynced();
    expect(group.synced).toBe(true);
  });
});
