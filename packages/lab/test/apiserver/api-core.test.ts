import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Any, type Answer, type Event, eventually, type Rig, startRig } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({ watchCacheSize: 400 });
});
afterAll(() => rig.close());

let count = 0;
/** A namespace with ConfigMaps a, b and c, all filled by its controllers. */
async function freshNamespace(): Promise<string> {
  const name = `orc${++count}`;
  await rig.call('POST', '/api/v1/namespaces', { metadata: { name } });
  for (const cm of ['a', 'b', 'c']) await rig.call('POST', maps(name), configMap(cm, { x: '1' }));
  await eventually(
    () => rig.call('GET', maps(name)),
    answer => answer.body.items.length === 4,
  );
  return name;
}
const maps = (namespace: string, name = '') =>
  `/api/v1/namespaces/${namespace}/configmaps${name === '' ? '' : `/${name}`}`;
const configMap = (name: string, data: object, metadata: object = {}) => ({
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name, ...metadata },
  data,
});
const settled = (events: readonly Event[], n: number) => events.length >= n;
const names = (answer: Answer) => answer.body.items.map((item: Any) => item.metadata.name);
const revision = async (namespace: string) =>
  Number((await rig.call('GET', maps(namespace))).body.metadata.resourceVersion);
const MERGE = { 'content-type': 'application/merge-patch+json' };
const JSON_PATCH = { 'content-type': 'application/json-patch+json' };
const APPLY = { 'content-type': 'application/apply-patch+yaml' };

/** A request that fails, and the Status that a Kubernetes 1.36 server gave. `$` is the namespace, `@` the uid of a, `%` its version. */
interface Refusal {
  readonly sentence: string;
  readonly request: readonly [method: string, path: string, body?: unknown, headers?: Record<string, string>];
  readonly code: number;
  readonly reason?: string;
  readonly message: string;
  readonly details?: object;
}

const IN_LIST = 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden:';
const listCause = (why: string) => ({
  group: 'meta.k8s.io',
  kind: 'ListOptions',
  causes: [{ reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field: 'resourceVersionMatch' }],
});
const NAME_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an " +
  "alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const BAD = { kind: 'configmaps', name: 'a' };
const CONFLICT = 'Operation cannot be fulfilled on configmaps "a":';
const MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

const REFUSALS: readonly Refusal[] = [
  {
    sentence: 'sendInitialEvents needs resourceVersionMatch',
    request: ['GET', '$?watch=true&sendInitialEvents=true'],
    code: 422,
    reason: 'Invalid',
    message: `${IN_LIST} sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`,
    details: listCause('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
  },
  {
    sentence: 'resourceVersionMatch needs a resourceVersion',
    request: ['GET', '$?resourceVersionMatch=Exact'],
    code: 422,
    reason: 'Invalid',
    message: `${IN_LIST} resourceVersionMatch is forbidden unless resourceVersion is provided`,
    details: listCause('resourceVersionMatch is forbidden unless resourceVersion is provided'),
  },
  {
    sentence: 'version 0 is never exact',
    request: ['GET', '$?resourceVersionMatch=Exact&resourceVersion=0'],
    code: 422,
    reason: 'Invalid',
    message: `${IN_LIST} resourceVersionMatch "exact" is forbidden for resourceVersion "0"`,
    details: listCause('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
  },
  {
    sentence: 'a resourceVersion is a number',
    request: ['GET', '$?watch=true&resourceVersion=abc'],
    code: 500,
    message: 'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
  },
  {
    sentence: 'a page token stands for its version',
    request: [
      'GET',
      '$?limit=2&resourceVersion=1&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIifQ',
    ],
    code: 400,
    reason: 'BadRequest',
    message: 'specifying resource version is not allowed when using continue',
  },
  {
    sentence: 'a page token is one of ours',
    request: ['GET', '$?limit=2&continue=zzz'],
    code: 400,
    reason: 'BadRequest',
    message:
      "invalid continue token: continue key is not valid: invalid character 'Ï' looking for beginning of value",
  },
  {
    sentence: 'an old resourceVersion does not overwrite',
    request: ['PUT', '$/a', configMap('a', { x: '9' }, { resourceVersion: '1' })],
    code: 409,
    reason: 'Conflict',
    message: `${CONFLICT} ${MODIFIED}`,
    details: BAD,
  },
  {
    sentence: 'a PUT keeps the uid',
    request: ['PUT', '$/a', configMap('a', {}, { uid: '00000000-0000-0000-0000-000000000000' })],
    code: 409,
    reason: 'Conflict',
    message:
      `${CONFLICT} StorageError: invalid object, Code: 4, Key: /registry/configmaps/$/a, ResourceVersion: 0, AdditionalErrorMsg: ` +
      'Precondition failed: UID in precondition: 00000000-0000-0000-0000-000000000000, UID in object meta: @',
    details: BAD,
  },
  {
    sentence: 'a PUT keeps the name',
    request: ['PUT', '$/a', configMap('zz', {})],
    code: 400,
    reason: 'BadRequest',
    message: 'the name of the object (zz) does not match the name on the URL (a)',
  },
  {
    sentence: 'a PUT keeps the namespace',
    request: ['PUT', '$/a', configMap('a', {}, { namespace: 'default' })],
    code: 400,
    reason: 'BadRequest',
    message: 'the namespace of the provided object does not match the namespace sent on the request',
  },
  {
    sentence: 'a name is taken once',
    request: ['POST', '$', configMap('a', {})],
    code: 409,
    reason: 'AlreadyExists',
    message: 'configmaps "a" already exists',
    details: BAD,
  },
  {
    sentence: 'a name follows the rule',
    request: ['POST', '$', configMap('A_b', {})],
    code: 422,
    reason: 'Invalid',
    message: `ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": ${NAME_RULE}`,
    details: {
      name: 'A_b',
      kind: 'ConfigMap',
      causes: [
        {
          reason: 'FieldValueInvalid',
          message: `Invalid value: "A_b": ${NAME_RULE}`,
          field: 'metadata.name',
        },
      ],
    },
  },
  {
    sentence: 'a name is needed',
    request: ['POST', '$', { kind: 'ConfigMap', apiVersion: 'v1', metadata: {} }],
    code: 422,
    reason: 'Invalid',
    message: 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    details: {
      kind: 'ConfigMap',
      causes: [
        {
          reason: 'FieldValueRequired',
          message: 'Required value: name or generateName is required',
          field: 'metadata.name',
        },
      ],
    },
  },
  {
    sentence: 'a new object has no resourceVersion yet',
    request: ['POST', '$', configMap('rv', {}, { resourceVersion: '5' })],
    code: 500,
    message: 'resourceVersion should not be set on objects to be created',
  },
  {
    sentence: 'a namespace must be there',
    request: ['POST', '/api/v1/namespaces/nope/configmaps', configMap('x', {})],
    code: 404,
    reason: 'NotFound',
    message: 'namespaces "nope" not found',
    details: { name: 'nope', kind: 'namespaces' },
  },
  {
    sentence: 'a Secret is no ConfigMap',
    request: ['POST', '$', { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'x' } }],
    code: 400,
    reason: 'BadRequest',
    message:
      'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
  },
  {
    sentence: 'a PUT does not create',
    request: ['PUT', '$/newone', configMap('newone', {})],
    code: 404,
    reason: 'NotFound',
    message: 'configmaps "newone" not found',
    details: { name: 'newone', kind: 'configmaps' },
  },
  {
    sentence: 'unknown fields are refused when asked strictly',
    request: ['POST', '$?fieldValidation=Strict', { ...configMap('x', {}), bogus: 1 }],
    code: 400,
    reason: 'BadRequest',
    message:
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "bogus"',
  },
  {
    sentence: 'a body is JSON',
    request: ['POST', '$', '{'],
    code: 400,
    reason: 'BadRequest',
    message:
      "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input ({)",
  },
  {
    sentence: 'a body is of a known type',
    request: ['POST', '$', 'x', { 'content-type': 'text/plain' }],
    code: 415,
    reason: 'UnsupportedMediaType',
    message:
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  },
  {
    sentence: 'an answer is of a known type',
    request: ['GET', '$/a', undefined, { accept: 'text/html' }],
    code: 406,
    reason: 'NotAcceptable',
    message:
      '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch',
    details: {},
  },
  {
    sentence: 'a failing test stops a JSON patch',
    request: ['PATCH', '$/a', [{ op: 'test', path: '/data/x', value: 'no' }], JSON_PATCH],
    code: 422,
    reason: 'Invalid',
    message: 'the server rejected our request due to an error in our request',
    details: {},
  },
  {
    sentence: 'a JSON patch removes only what is there',
    request: ['PATCH', '$/a', [{ op: 'remove', path: '/data/none' }], JSON_PATCH],
    code: 422,
    reason: 'Invalid',
    message: 'the server rejected our request due to an error in our request',
    details: {},
  },
  {
    sentence: 'a patch needs an object',
    request: ['PATCH', '$/nope', {}, MERGE],
    code: 404,
    reason: 'NotFound',
    message: 'configmaps "nope" not found',
    details: { name: 'nope', kind: 'configmaps' },
  },
  {
    sentence: 'a resourceVersion in a patch is a precondition',
    request: ['PATCH', '$/a', { metadata: { resourceVersion: '1' }, data: { x: '5' } }, MERGE],
    code: 409,
    reason: 'Conflict',
    message: `${CONFLICT} ${MODIFIED}`,
    details: BAD,
  },
  {
    sentence: 'a patch is of a known type',
    request: ['PATCH', '$/a', {}],
    code: 415,
    reason: 'UnsupportedMediaType',
    message: '415: Unsupported Media Type',
    details: {},
  },
  {
    sentence: 'a deletion can be for one uid only',
    request: ['DELETE', '$/a', { preconditions: { uid: 'x' } }],
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (x) does not match the UID in record (@). The object might have been deleted and then recreated',
    details: { name: 'a', kind: 'ConfigMap' },
  },
  {
    sentence: 'a deletion can be for one version only',
    request: ['DELETE', '$/a', { preconditions: { resourceVersion: '1' } }],
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on ConfigMap "a": the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (%). The object might have been modified',
    details: { name: 'a', kind: 'ConfigMap' },
  },
  {
    sentence: 'a deletion needs an object',
    request: ['DELETE', '$/nope'],
    code: 404,
    reason: 'NotFound',
    message: 'configmaps "nope" not found',
    details: { name: 'nope', kind: 'configmaps' },
  },
  {
    sentence: 'apply needs a field manager',
    request: ['PATCH', '$/a', configMap('a', {}), APPLY],
    code: 422,
    reason: 'Invalid',
    message:
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    details: {
      group: 'meta.k8s.io',
      kind: 'PatchOptions',
      causes: [
        {
          reason: 'FieldValueRequired',
          message: 'Required value: is required for apply patch',
          field: 'fieldManager',
        },
      ],
    },
  },
  {
    sentence: 'apply needs a kind',
    request: ['PATCH', '$/a?fieldManager=m', { metadata: { name: 'a' } }, APPLY],
    code: 400,
    reason: 'BadRequest',
    message: 'invalid object type: /, Kind=',
  },
  {
    sentence: 'apply decides itself who manages fields',
    request: [
      'PATCH',
      '$/a?fieldManager=m',
      configMap('a', {}, { managedFields: [{ manager: 'x' }] }),
      APPLY,
    ],
    code: 400,
    reason: 'BadRequest',
    message: 'metadata.managedFields must be nil',
  },
  {
    sentence: 'only some fields are selectable',
    request: ['GET', '$?fieldSelector=data.x%3D1'],
    code: 400,
    reason: 'BadRequest',
    message: '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
  },
  {
    sentence: 'a label selector has a key',
    request: ['GET', '$?labelSelector=%3D%3Dx'],
    code: 400,
    reason: 'BadRequest',
    message: "found '==', expected: !, identifier, or 'end of string'",
  },
  {
    sentence: 'a resource must exist',
    request: ['GET', '/api/v1/nothings'],
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  },
  {
    sentence: 'an object must exist',
    request: ['GET', '$/zzz'],
    code: 404,
    reason: 'NotFound',
    message: 'configmaps "zzz" not found',
    details: { name: 'zzz', kind: 'configmaps' },
  },
  {
    sentence: 'a collection is not replaced',
    request: ['PUT', '$', {}],
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
    details: {},
  },
  {
    sentence: 'an object is not posted to',
    request: ['POST', '$/a', {}],
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
    details: {},
  },
];

describe('a request is refused in the words of Kubernetes 1.36:', () => {
  let namespace = '';
  let a: Any;
  beforeAll(async () => {
    namespace = await freshNamespace();
    a = (await rig.call('GET', maps(namespace, 'a'))).body;
  });
  it.each(REFUSALS)(
    '$sentence',
    async ({ request: [method, path, body, headers], code, reason, message, details }) => {
      const answer = await rig.call(method, path.replace('$', maps(namespace)), body, headers);
      const expected = message
        .replace('$', namespace)
        .replaceAll('@', a.metadata.uid)
        .replace('%', a.metadata.resourceVersion);
      expect(answer.body).toMatchObject({
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        message: expected,
        code,
      });
      expect(answer.body.reason).toBe(reason);
      expect(answer.body.details).toEqual(details);
      expect(answer.code).toBe(code);
    },
  );
  it('a group must exist, and its absence is a plain page', async () => {
    const answer = await rig.call('GET', '/apis/none.example/v1/things');
    expect([answer.code, answer.text]).toEqual([404, '404 page not found\n']);
  });
  it('a future version is not there yet', async () => {
    const now = await revision(namespace);
    for (const match of ['', '&resourceVersionMatch=Exact']) {
      const { code, body, headers } = await rig.call(
        'GET',
        `${maps(namespace)}?resourceVersion=${now + 100000}${match}`,
      );
      expect(code).toBe(504);
      expect(headers['retry-after']).toBe('1');
      expect(body.message).toBe(`Timeout: Too large resource version: ${now + 100000}, current: ${now}`);
      expect(body.details).toEqual({
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        retryAfterSeconds: 1,
      });
    }
  });
  it('a request without a known token is a stranger', async () => {
    for (const authorization of ['', 'Bearer wrong', 'Basic eDp5']) {
      const answer = await rig.call('GET', maps(namespace), undefined, { authorization });
      expect([answer.code, answer.body.reason]).toEqual([401, 'Unauthorized']);
    }
    expect((await rig.call('GET', '/readyz', undefined, { authorization: '' })).text).toBe('ok');
  });
});

describe('lists', () => {
  it('carry their kind, the items do not, and the version is not below any item', async () => {
    const { body } = await rig.call('GET', maps(await freshNamespace()));
    expect([body.kind, body.apiVersion, body.items[0].kind]).toEqual(['ConfigMapList', 'v1', undefined]);
    for (const item of body.items)
      expect(Number(item.metadata.resourceVersion)).toBeLessThanOrEqual(
        Number(body.metadata.resourceVersion),
      );
  });
  it('come in pages of one state: what is created between is not on the next page', async () => {
    const namespace = await freshNamespace();
    const one = await rig.call('GET', `${maps(namespace)}?limit=2`);
    expect(names(one)).toEqual(['a', 'b']);
    expect(one.body.metadata.remainingItemCount).toBe(2);
    const token = one.body.metadata.continue;
    expect(JSON.parse(Buffer.from(token, 'base64url').toString())).toMatchObject({ v: 'meta.k8s.io/v1' });
    await rig.call('POST', maps(namespace), configMap('d', {}));
    await rig.call('DELETE', maps(namespace, 'c'));
    const two = await rig.call('GET', `${maps(namespace)}?limit=5&continue=${token}`);
    expect(names(two)).toEqual(['c', 'kube-root-ca.crt']);
    expect(two.body.metadata.resourceVersion).toBe(one.body.metadata.resourceVersion);
    expect(two.body.metadata.continue).toBeUndefined();
  });
  it('with a selector do not count what remains', async () => {
    const { body } = await rig.call(
      'GET',
      `${maps(await freshNamespace())}?limit=1&fieldSelector=metadata.name!=a`,
    );
    expect([Object.keys(body.metadata), body.items[0].metadata.name]).toEqual([
      ['resourceVersion', 'continue'],
      'b',
    ]);
  });
  it('of an old version show the state of then', async () => {
    const namespace = await freshNamespace();
    const then = await revision(namespace);
    await rig.call('DELETE', maps(namespace, 'a'));
    await rig.call('PATCH', maps(namespace, 'b'), { data: { x: '2' } }, MERGE);
    const { body } = await rig.call(
      'GET',
      `${maps(namespace)}?resourceVersion=${then}&resourceVersionMatch=Exact`,
    );
    expect(body.items.map((item: Any) => [item.metadata.name, item.data.x]).slice(0, 3)).toEqual([
      ['a', '1'],
      ['b', '1'],
      ['c', '1'],
    ]);
  });
  it('whose token outlived the history say 410 and how to go on', async () => {
    const namespace = await freshNamespace();
    const token = (await rig.call('GET', `${maps(namespace)}?limit=2`)).body.metadata.continue;
    for (let i = 0; i < 700; i++)
      await rig.call('PATCH', maps(namespace, 'a'), { data: { n: String(i) } }, MERGE);
    const late = await rig.call('GET', `${maps(namespace)}?limit=2&continue=${token}`);
    expect([late.code, late.body.reason]).toEqual([410, 'Expired']);
    const rest = await rig.call('GET', `${maps(namespace)}?limit=2&continue=${late.body.metadata.continue}`);
    expect(names(rest)).toEqual(['c', 'kube-root-ca.crt']);
    const watched = await rig.watch(`${maps(namespace)}?watch=true&resourceVersion=1`, () => false);
    expect(watched).toMatchObject([
      { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } },
    ]);
    expect(watched[0]?.object.message).toMatch(/^too old resource version: 1 \(\d+\)$/);
  });
});

describe('watches', () => {
  it.each(['', '&resourceVersion=0'])('without a version (%s) start with what is there', async version => {
    const namespace = await freshNamespace();
    const events = await rig.watch(`${maps(namespace)}?watch=true${version}`, seen => settled(seen, 4));
    expect(events.map(({ type, object }) => [type, object.kind, object.metadata.name])).toEqual([
      ['ADDED', 'ConfigMap', 'a'],
      ['ADDED', 'ConfigMap', 'b'],
      ['ADDED', 'ConfigMap', 'c'],
      ['ADDED', 'ConfigMap', 'kube-root-ca.crt'],
    ]);
  });
  it('of the future wait', async () => {
    const namespace = await freshNamespace();
    const future = (await revision(namespace)) + 1000;
    const events = await rig.watch(
      `${maps(namespace)}?watch=true&resourceVersion=${future}&timeoutSeconds=1`,
      () => false,
    );
    expect(events).toEqual([]);
  });
  it('that stream a list mark its end', async () => {
    const namespace = await freshNamespace();
    const path = `${maps(namespace)}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`;
    const events = await rig.watch(
      `${path}&allowWatchBookmarks=true`,
      seen => seen.at(-1)?.type === 'BOOKMARK',
    );
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'ADDED', 'ADDED', 'ADDED', 'BOOKMARK']);
    expect(events[4]?.object).toEqual({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: {
        resourceVersion: String(await revision(namespace)),
        annotations: { 'k8s.io/initial-events-end': 'true' },
      },
    });
    const plain = await rig.watch(`${path}&timeoutSeconds=1`, () => false);
    expect(plain.map(({ type }) => type)).toEqual(['ADDED', 'ADDED', 'ADDED', 'ADDED']);
  });
  it('with a selector show entering as ADDED and leaving as DELETED, with the old state and the new version', async () => {
    const namespace = await freshNamespace();
    const start = await revision(namespace);
    const label = (name: string, g: string, x: string) =>
      rig.call('PATCH', maps(namespace, name), { metadata: { labels: { g } }, data: { x } }, MERGE);
    const watching = rig.watch(
      `${maps(namespace)}?watch=true&resourceVersion=${start}&labelSelector=g%3D2`,
      seen => settled(seen, 5),
    );
    await label('a', '2', '1');
    await label('a', '2', '2');
    const left = await label('a', '1', '3');
    await label('c', '2', '1');
    await rig.call('DELETE', maps(namespace, 'c'));
    const events = await watching;
    expect(
      events.map(({ type, object }) => [type, object.metadata.name, object.metadata.labels.g, object.data.x]),
    ).toEqual([
      ['ADDED', 'a', '2', '1'],
      ['MODIFIED', 'a', '2', '2'],
      ['DELETED', 'a', '2', '2'],
      ['ADDED', 'c', '2', '1'],
      ['DELETED', 'c', '2', '1'],
    ]);
    expect(events[2]?.object.metadata.resourceVersion).toBe(left.body.metadata.resourceVersion);
    const versions = events.map(({ object }) => Number(object.metadata.resourceVersion));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
  });
  it('end at their time, with a last bookmark when asked', async () => {
    const namespace = await freshNamespace();
    const start = await revision(namespace);
    const path = `${maps(namespace)}?watch=true&resourceVersion=${start}&timeoutSeconds=1`;
    const events = await rig.watch(`${path}&allowWatchBookmarks=true`, () => false);
    expect(events.map(({ type }) => type)).toEqual(['BOOKMARK']);
    expect(Number(events[0]?.object.metadata.resourceVersion)).toBeGreaterThanOrEqual(start);
    expect(await rig.watch(path, () => false)).toEqual([]);
  });
});

describe('writes', () => {
  it('that change nothing keep the version and make no event', async () => {
    const namespace = await freshNamespace();
    const { body } = await rig.call('GET', maps(namespace, 'a'));
    expect((await rig.call('PUT', maps(namespace, 'a'), body)).body).toEqual(body);
    expect((await rig.call('PATCH', maps(namespace, 'a'), { data: { x: '1' } }, MERGE)).body).toEqual(body);
    expect(await revision(namespace)).toBe(
      (await rig.call('GET', maps(namespace))).body.items.reduce(
        (most: number, item: Any) => Math.max(most, Number(item.metadata.resourceVersion)),
        0,
      ),
    );
  });
  it('of built-in kinds need no version', async () => {
    const namespace = await freshNamespace();
    const answer = await rig.call('PUT', maps(namespace, 'a'), configMap('a', { x: '2' }));
    expect([answer.code, answer.body.data]).toEqual([200, { x: '2' }]);
  });
  it('get five letters for generateName', async () => {
    const answer = await rig.call('POST', maps('default'), { metadata: { generateName: 'gen-' } });
    expect(answer.body.metadata.name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });
  it.each(['', '?fieldValidation=Warn'])('warn of unknown fields (%s)', async query => {
    const namespace = await freshNamespace();
    const answer = await rig.call('POST', `${maps(namespace)}${query}`, { ...configMap('w', {}), bogus: 1 });
    expect([answer.code, answer.headers['warning']]).toEqual([201, '299 - "unknown field \\"bogus\\""']);
    expect(answer.body.bogus).toBeUndefined();
  });
  it('take YAML', async () => {
    const namespace = await freshNamespace();
    const text = 'kind: ConfigMap\napiVersion: v1\nmetadata: {name: y}\ndata: {k: v}\n';
    const answer = await rig.call('POST', maps(namespace), text, { 'content-type': 'application/yaml' });
    expect([answer.code, answer.body.data]).toEqual([201, { k: 'v' }]);
  });
  it('can be tried without effect', async () => {
    const namespace = await freshNamespace();
    const before = await revision(namespace);
    expect((await rig.call('POST', `${maps(namespace)}?dryRun=All`, configMap('dry', {}))).code).toBe(201);
    expect((await rig.call('DELETE', `${maps(namespace, 'a')}?dryRun=All`)).code).toBe(200);
    expect(
      (await rig.call('PATCH', `${maps(namespace, 'a')}?dryRun=All`, { data: { x: '7' } }, MERGE)).body.data
        .x,
    ).toBe('7');
    expect(await revision(namespace)).toBe(before);
  });
  it('can delete a selection at once', async () => {
    const namespace = await freshNamespace();
    const answer = await rig.call('DELETE', `${maps(namespace)}?fieldSelector=metadata.name!=b`);
    expect([answer.code, answer.body.kind]).toEqual([200, 'ConfigMapList']);
    expect((await rig.call('GET', maps(namespace, 'b'))).code).toBe(200);
    expect((await rig.call('GET', maps(namespace, 'a'))).code).toBe(404);
  });
});

describe('finalizers', () => {
  it('keep an object until the last is removed', async () => {
    const namespace = await freshNamespace();
    const path = maps(namespace, 'b');
    await rig.call('PATCH', path, { metadata: { finalizers: ['k8s.io/f'] } }, MERGE);
    const watching = rig.watch(
      `${maps(namespace)}?watch=true&resourceVersion=${await revision(namespace)}`,
      seen => settled(seen, 2),
    );
    const deleted = await rig.call('DELETE', path);
    expect(deleted.body).toMatchObject({
      kind: 'ConfigMap',
      metadata: { deletionGracePeriodSeconds: 0, finalizers: ['k8s.io/f'] },
    });
    expect((await rig.call('DELETE', path)).body.kind).toBe('ConfigMap');
    const added = await rig.call(
      'PATCH',
      path,
      { metadata: { finalizers: ['k8s.io/f', 'k8sx.io/g'] } },
      MERGE,
    );
    expect([added.code, added.body.message]).toEqual([
      422,
      'ConfigMap "b" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"k8sx.io/g"}',
    ]);
    const last = await rig.call('PATCH', path, { metadata: { finalizers: null } }, MERGE);
    expect([last.code, last.body.kind]).toEqual([200, 'ConfigMap']);
    expect((await rig.call('GET', path)).code).toBe(404);
    expect((await watching).map(({ type, object }) => [type, object.metadata.name])).toEqual([
      ['MODIFIED', 'b'],
      ['DELETED', 'b'],
    ]);
  });
});

describe('server-side apply', () => {
  const apply = (namespace: string, manager: string, data: object, query = '') =>
    rig.call('PATCH', `${maps(namespace, 's')}?fieldManager=${manager}${query}`, configMap('s', data), APPLY);
  it('creates, shares, conflicts, gives up and takes over fields', async () => {
    const namespace = await freshNamespace();
    const made = await apply(namespace, 'm1', { x: '1', y: '1' });
    expect(made.code).toBe(201);
    expect(made.body.metadata.managedFields).toEqual([
      {
        manager: 'm1',
        operation: 'Apply',
        apiVersion: 'v1',
        time: expect.stringMatching(/Z$/),
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:x': {}, 'f:y': {} } },
      },
    ]);
    const refused = await apply(namespace, 'm2', { x: '2' });
    expect([refused.code, refused.body.reason, refused.body.message]).toEqual([
      409,
      'Conflict',
      'Apply failed with 1 conflict: conflict with "m1": .data.x',
    ]);
    expect(refused.body.details).toEqual({
      causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "m1"', field: '.data.x' }],
    });
    expect((await apply(namespace, 'm2', { y: '1' })).code).toBe(200);
    expect((await apply(namespace, 'm1', { x: '1' })).body.data).toEqual({ x: '1', y: '1' });
    const dropped = await rig.call(
      'PATCH',
      `${maps(namespace, 's')}?fieldManager=m2`,
      configMap('s', {}),
      APPLY,
    );
    expect(dropped.body.data).toEqual({ x: '1' });
    const forced = await apply(namespace, 'm2', { x: '9' }, '&force=true');
    expect(forced.body.data).toEqual({ x: '9' });
    expect(forced.body.metadata.managedFields).toMatchObject([
      { manager: 'm2', fieldsV1: { 'f:data': { 'f:x': {} } } },
    ]);
  });
  it('that changes nothing keeps the version', async () => {
    const namespace = await freshNamespace();
    const made = await apply(namespace, 'm1', { x: '1' });
    expect((await apply(namespace, 'm1', { x: '1' })).body).toEqual(made.body);
  });
  it('meets owners by update, and names them', async () => {
    const namespace = await freshNamespace();
    await rig.call('POST', `${maps(namespace)}?fieldManager=editor`, configMap('s', { x: '1' }));
    const { body } = await apply(namespace, 'm1', { x: '2' });
    expect(body.message).toBe('Apply failed with 1 conflict: conflict with "editor" using v1: .data.x');
  });
});

describe('forms', () => {
  const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
  it('a Table has columns, cells and metadata', async () => {
    const namespace = await freshNamespace();
    const { body, headers } = await rig.call('GET', `${maps(namespace)}?limit=500`, undefined, TABLE);
    expect(headers['content-type']).toBe('application/json');
    expect(
      body.columnDefinitions.map(
        (column: Any) => `${column.name}/${column.type}/${column.format}/${column.priority}`,
      ),
    ).toEqual(['Name/string/name/0', 'Data/string//0', 'Age/string//0']);
    expect(body.rows[0]).toMatchObject({
      cells: ['a', 1, expect.stringMatching(/^\d+s$/)],
      object: {
        kind: 'PartialObjectMetadata',
        apiVersion: 'meta.k8s.io/v1',
        metadata: { name: 'a', namespace },
      },
    });
  });
  it('a watched Table has its columns once', async () => {
    const namespace = await freshNamespace();
    const events = await rig.watch(`${maps(namespace)}?watch=true`, seen => settled(seen, 2), TABLE);
    expect(
      events
        .slice(0, 2)
        .map(({ type, object }) => [type, object.kind, object.columnDefinitions?.length, object.rows.length]),
    ).toEqual([
      ['ADDED', 'Table', 3, 1],
      ['ADDED', 'Table', undefined, 1],
    ]);
  });
  it('metadata alone', async () => {
    const namespace = await freshNamespace();
    const one = await rig.call('GET', maps(namespace, 'a'), undefined, {
      accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    });
    expect([one.body.kind, one.body.apiVersion, Object.keys(one.body)]).toEqual([
      'PartialObjectMetadata',
      'meta.k8s.io/v1',
      ['kind', 'apiVersion', 'metadata'],
    ]);
    const all = await rig.call('GET', maps(namespace), undefined, {
      accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    });
    expect([all.body.kind, Object.keys(all.body.items[0])]).toEqual([
      'PartialObjectMetadataList',
      ['kind', 'apiVersion', 'metadata'],
    ]);
  });
});

describe('namespaces', () => {
  it('are born with a label, a finalizer, a service account and the CA', async () => {
    const { body } = await rig.call('GET', '/api/v1/namespaces/default');
    expect(body.metadata.labels).toEqual({ 'kubernetes.io/metadata.name': 'default' });
    expect(body.spec).toEqual({ finalizers: ['kubernetes'] });
    expect((await rig.call('GET', '/api/v1/namespaces/default/serviceaccounts/default')).code).toBe(200);
    const ca = await rig.call('GET', maps('default', 'kube-root-ca.crt'));
    expect(ca.body.data['ca.crt']).toBe(rig.certificates.caPem);
  });
  it('that end take nothing new, lose their contents, and are gone', async () => {
    const namespace = await freshNamespace();
    await rig.call('PATCH', maps(namespace, 'a'), { metadata: { finalizers: ['example.com/hold'] } }, MERGE);
    const deleted = await rig.call('DELETE', `/api/v1/namespaces/${namespace}`);
    expect(deleted.body).toMatchObject({
      status: { phase: 'Terminating' },
      spec: { finalizers: ['kubernetes'] },
    });
    const late = await rig.call('POST', maps(namespace), configMap('late', {}));
    const cause = {
      reason: 'NamespaceTerminating',
      message: `namespace ${namespace} is being terminated`,
      field: 'metadata.namespace',
    };
    expect([late.code, late.body.message]).toEqual([
      403,
      `configmaps "late" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    ]);
    expect(late.body.details).toEqual({ name: 'late', kind: 'configmaps', causes: [cause] });
    await eventually(
      () => rig.call('GET', maps(namespace)),
      answer => names(answer).join() === 'a',
    );
    expect((await rig.call('GET', `/api/v1/namespaces/${namespace}`)).code).toBe(200);
    await rig.call('PATCH', maps(namespace, 'a'), { metadata: { finalizers: null } }, MERGE);
    await eventually(
      () => rig.call('GET', `/api/v1/namespaces/${namespace}`),
      answer => answer.code === 404,
    );
  });
});
