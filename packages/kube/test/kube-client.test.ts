import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient, RESOURCES, Secret } from '../src/index.ts';
import { FaultyServer, json, list, reset, silence, status, text, thing, watch } from './faulty-server.ts';

const { ConfigMap, Node } = RESOURCES;
const a = { namespace: 'default', name: 'a' };

let server: FaultyServer;
let client: KubeClient;

describe.each([
  { name: 'KubeClient', brief: false },
  { name: 'KubeClient of a program that soon ends', brief: true },
])('$name', ({ brief }) => {
  beforeEach(async () => {
    server = await FaultyServer.start();
    client = new KubeClient(server.connection(), { timeoutMs: 1_000, brief });
  });
  afterEach(async () => {
    await client.close();
    await server.stop();
  });
  it('gets, lists, creates, updates, patches and deletes at the paths of the API', async () => {
    server.script = [json(thing('a', '1'))];
    await client.get(ConfigMap, a);
    await client.get(Node, { name: 'n1' }, { subresource: 'status' });
    await client.create(
      ConfigMap,
      { metadata: { name: 'a', namespace: 'web' } },
      { fieldManager: 'me', dryRun: true, fieldValidation: 'Strict' },
    );
    await client.create(Node, { metadata: { name: 'n1' } }, { subresource: 'token' });
    await client.update(ConfigMap, thing('a', '1'), { subresource: 'status' });
    await client.patch(ConfigMap, a, { type: 'merge', body: { data: { x: null } } });
    await client.patch(ConfigMap, a, { type: 'json', body: [{ op: 'remove', path: '/data' }] });
    await client.patch(
      ConfigMap,
      a,
      { type: 'apply', body: { kind: 'ConfigMap' } },
      { fieldManager: 'me', force: true },
    );
    await client.delete(ConfigMap, a, { uid: 'u', resourceVersion: '3', propagationPolicy: 'Background' });
    expect(
      server.seen.map(
        s =>
          `${s.method} ${s.path}${s.query.size > 0 ? `?${s.query}` : ''} ${s.headers['content-type'] ?? '-'}`,
      ),
    ).toEqual([
      'GET /api/v1/namespaces/default/configmaps/a -',
      'GET /api/v1/nodes/n1/status -',
      'POST /api/v1/namespaces/web/configmaps?fieldManager=me&fieldValidation=Strict&dryRun=All application/json',
      'POST /api/v1/nodes/n1/token application/json',
      'PUT /api/v1/namespaces/default/configmaps/a/status application/json',
      'PATCH /api/v1/namespaces/default/configmaps/a application/merge-patch+json',
      'PATCH /api/v1/namespaces/default/configmaps/a application/json-patch+json',
      'PATCH /api/v1/namespaces/default/configmaps/a?fieldManager=me&force=true application/apply-patch+yaml',
      'DELETE /api/v1/namespaces/default/configmaps/a application/json',
    ]);
    expect(JSON.parse(server.seen[2]?.body ?? '')).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    // Without a length some servers see an empty body, and ignore the preconditions.
    expect(server.seen[8]?.headers['content-length']).toBe(String(server.seen[8]?.body.length));
    expect(JSON.parse(server.seen[8]?.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Background',
      preconditions: { uid: 'u', resourceVersion: '3' },
    });
  });
  it('uses the same connections for calls in sequence', async () => {
    server.script = [list('1', [])];
    for (let i = 0; i < 50; i++) await client.list(ConfigMap);
    const name = { namespace: 'default', name: 'a' };
    for (let i = 0; i < 50; i++) await client.delete(ConfigMap, name, { resourceVersion: '1' });
    expect(server.connections).toBeLessThanOrEqual(2);
  });
  it('reads all pages in order', async () => {
    server.script = [list('7', [thing('a', '1')], 'p2'), list('7', [thing('b', '2')], 'p3'), list('7', null)];
    const all = await client.listAll(ConfigMap, { resourceVersion: '0', labelSelector: 'x=y' });
    expect(all).toMatchObject({
      ok: true,
      value: { resourceVersion: '7', items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }] },
    });
    expect(server.seen.map(s => s.query.toString())).toEqual([
      'limit=500&resourceVersion=0&labelSelector=x%3Dy',
      'limit=500&labelSelector=x%3Dy&continue=p2',
      'limit=500&labelSelector=x%3Dy&continue=p3',
    ]);
  });
  for (const [code, http, reason] of [
    ['NotFound', 404, 'NotFound'],
    ['Conflict', 409, 'Conflict'],
    ['AlreadyExists', 409, 'AlreadyExists'],
    ['Invalid', 422, 'Invalid'],
    ['Invalid', 400, 'BadRequest'],
    ['Forbidden', 403, 'Forbidden'],
    ['Unauthorized', 401, 'Unauthorized'],
    ['Gone', 410, 'Expired'],
    ['TooLarge', 413, 'RequestEntityTooLarge'],
    ['Timeout', 504, 'Timeout'],
    ['Unreachable', 503, 'ServiceUnavailable'],
    ['Other', 500, 'InternalError'],
  ] as const)
    it(`turns ${http} ${reason} into ${code}, with the server's words and details`, async () => {
      server.script = [
        status(http, reason, 'because of it', {
          details: { name: 'a', causes: [{ field: 'spec.x', message: 'bad' }] },
        }),
      ];
      expect(await client.get(ConfigMap, a)).toEqual({
        ok: false,
        fault: {
          code,
          status: http,
          reason,
          request: 'GET /api/v1/namespaces/default/configmaps/a',
          message: `GET /api/v1/namespaces/default/configmaps/a: ${http} ${reason}: because of it`,
          details: { name: 'a', causes: [{ field: 'spec.x', message: 'bad' }] },
        },
      });
    });
  it('says how long a throttling server wants to be left alone', async () => {
    server.script = [status(429, 'TooManyRequests', 'slow', { headers: { 'retry-after': '7' } })];
    expect(await client.get(ConfigMap, a)).toMatchObject({ fault: { code: 'Throttled', retryAfter: 7 } });
    server.script = [status(503, 'ServiceUnavailable', 'slow', { details: { retryAfterSeconds: 3 } })];
    expect(await client.get(ConfigMap, a)).toMatchObject({ fault: { code: 'Throttled', retryAfter: 3 } });
  });
  it('asks a throttling server again when it says so, and only within its own time', async () => {
    const busy = status(429, 'TooManyRequests', 'slow', { headers: { 'retry-after': '0' } });
    server.script = [busy, busy, json(thing('a', '1'))];
    expect(await client.update(ConfigMap, thing('a', '1'))).toMatchObject({ ok: true });
    expect(server.seen.map(({ method, body }) => [method, body === server.seen[0]?.body])).toEqual(
      Array(3).fill(['PUT', true]),
    );
    const controller = new AbortController();
    server.script = [status(429, 'TooManyRequests', 'slow', { headers: { 'retry-after': '5' } })];
    const pending = client.get(ConfigMap, a, { timeoutMs: 60_000, signal: controller.signal });
    while (server.seen.length < 4) await new Promise(setImmediate);
    controller.abort();
    expect(await pending).toMatchObject({ fault: { code: 'Aborted' } });
  });
  it('quotes one line of an answer that is no Status, such as an error page of a proxy', async () => {
    server.script = [text('no upstream\nat all', 'text/plain', 502)];
    expect(await client.get(ConfigMap, a)).toMatchObject({
      fault: { code: 'Unreachable', message: expect.stringMatching(/: 502: no upstream$/) },
    });
  });
  it('calls a reset, a closed port and a broken body Unreachable', async () => {
    server.script = [reset, text('{"a":', 'application/json'), text('{"kind":"Pod"}', 'application/json')];
    expect(await client.get(ConfigMap, a)).toMatchObject({ fault: { code: 'Unreachable' } });
    expect(await client.get(ConfigMap, a)).toMatchObject({
      fault: { code: 'Unreachable', reason: 'BadJson' },
    });
    expect(await client.list(ConfigMap)).toMatchObject({ fault: { code: 'Unreachable', reason: 'BadList' } });
    const nobody = new KubeClient(server.connection({ server: 'http://127.0.0.1:1' }), { brief });
    expect(await nobody.get(ConfigMap, a)).toMatchObject({
      fault: { code: 'Unreachable', reason: 'ECONNREFUSED' },
    });
    await nobody.close();
  });
  it('ends on time when the server is silent, before or within its answer', async () => {
    server.script = [
      silence,
      response => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"kind":'),
    ];
    expect(await client.get(ConfigMap, a, { timeoutMs: 40 })).toMatchObject({
      fault: { code: 'Timeout', message: expect.stringContaining('within 40 ms') },
    });
    expect(await client.get(ConfigMap, a, { timeoutMs: 40 })).toMatchObject({ fault: { code: 'Timeout' } });
  });
  it('ends when its caller gives up, also before it began', async () => {
    server.script = [silence];
    const controller = new AbortController();
    const pending = client.get(ConfigMap, a, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    expect(await pending).toMatchObject({ fault: { code: 'Aborted' } });
    expect(await client.get(ConfigMap, a, { signal: controller.signal })).toMatchObject({
      fault: { code: 'Aborted' },
    });
  });
  it('refuses an answer that is longer than allowed', async () => {
    const small = new KubeClient(server.connection(), { maxBytes: 100, brief });
    server.script = [text('x'.repeat(200))];
    expect(await small.get(ConfigMap, a)).toMatchObject({ fault: { code: 'TooLarge' } });
    await small.close();
  });
  it('refuses a watch event that is longer than allowed, and ends', async () => {
    server.script = [watch(['{"type":"ADDED","object":', 'x'.repeat(300)], 'hang')];
    const opened = await client.watch(ConfigMap, { maxLineBytes: 100 });
    if (!opened.ok) throw new Error(opened.fault.message);
    const got = [];
    for await (const event of opened.value) got.push(event);
    expect(got).toMatchObject([{ ok: false, fault: { code: 'TooLarge' } }]);
  });
  it('keeps credentials out of faults', async () => {
    const secretive = new KubeClient(
      server.connection({ bearer: { type: 'token', token: new Secret('s3cr3t') } }),
      { brief },
    );
    server.script = [reset, status(401, 'Unauthorized', 'Unauthorized'), silence];
    for (let i = 0; i < 3; i++) {
      const answer = await secretive.get(ConfigMap, a, { timeoutMs: 50 });
      expect(answer.ok).toBe(false);
      expect(inspect(answer, { depth: 9 }) + inspect(secretive, { depth: 9 })).not.toContain('s3cr3t');
    }
    expect(server.seen.at(-1)?.headers.authorization).toBe('Bearer s3cr3t');
    await secretive.close();
  });
  it('gives Aborted after close', async () => {
    await client.close();
    expect(await client.get(ConfigMap, a)).toMatchObject({ fault: { code: 'Aborted' } });
  });
});
