import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/apiserver/json.ts';
import { findAll, parseJsonPath } from '../../src/apiserver/kinds/json-path.ts';
import { ageText } from '../../src/apiserver/kinds/kind.ts';
import { compareVersions } from '../../src/apiserver/serve/discovery.ts';
import { decodeProtobuf } from '../../src/apiserver/serve/protobuf.ts';
import { parseRoute } from '../../src/apiserver/serve/route.ts';

describe('a JSON path of a column', () => {
  const object: Json = {
    metadata: { labels: { 'a.b/c': 'dotted' } },
    spec: {
      list: [
        { k: 'x', v: 1 },
        { k: 'y', v: 2 },
      ],
      name: 'n',
    },
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Other', status: 'False' },
      ],
    },
  };
  it.each<readonly [string, readonly Json[]]>([
    ['.spec.name', ['n']],
    ['{.spec.name}', ['n']],
    ['.spec.none', []],
    ['.spec.list[0].k', ['x']],
    ['.spec.list[-1].k', ['y']],
    ['.spec.list[*].v', [1, 2]],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [".status.conditions[?(@.type=='Other')].status", ['False']],
    ['.metadata.labels.a\\.b/c', ['dotted']],
    ["['metadata'].labels['a.b/c']", ['dotted']],
  ])('%s', (path, values) => {
    const steps = parseJsonPath(path);
    expect(steps === undefined ? [] : findAll(object, steps)).toEqual(values);
  });
});

describe('an age', () => {
  it.each<readonly [number, string]>([
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [150, '2m30s'],
    [600, '10m'],
    [3 * 3600 - 1, '179m'],
    [3 * 3600, '3h'],
    [3 * 3600 + 60, '3h1m'],
    [9 * 3600 + 60, '9h'],
    [47 * 3600, '47h'],
    [2 * 86400 + 3600, '2d1h'],
    [9 * 86400 + 3600, '9d'],
    [729 * 86400, '729d'],
    [731 * 86400, '2y1d'],
  ])('of %d seconds reads %s', (seconds, text) => {
    expect(
      ageText('2026-01-01T00:00:00Z', new Date(Date.parse('2026-01-01T00:00:00Z') + seconds * 1000)),
    ).toBe(text);
  });
  it('is unknown without a stamp', () => {
    expect(ageText(undefined, new Date())).toBe('<unknown>');
  });
});

describe('versions', () => {
  it('are ordered as clients should prefer them', () => {
    const versions = [
      'v1alpha1',
      'foo10',
      'v1beta1',
      'v10',
      'v2',
      'v11beta2',
      'v1',
      'v3beta1',
      'foo1',
      'v12alpha1',
    ];
    expect(versions.sort(compareVersions)).toEqual([
      'v10',
      'v2',
      'v1',
      'v11beta2',
      'v3beta1',
      'v1beta1',
      'v12alpha1',
      'v1alpha1',
      'foo1',
      'foo10',
    ]);
  });
});

describe('a path', () => {
  it.each<readonly [string, readonly string[] | undefined]>([
    ['/api/v1/namespaces', ['', 'v1', '', 'namespaces', '', '']],
    ['/api/v1/namespaces/a', ['', 'v1', '', 'namespaces', 'a', '']],
    ['/api/v1/namespaces/a/finalize', ['', 'v1', '', 'namespaces', 'a', 'finalize']],
    ['/api/v1/namespaces/a/pods', ['', 'v1', 'a', 'pods', '', '']],
    ['/api/v1/namespaces/a/pods/b/status', ['', 'v1', 'a', 'pods', 'b', 'status']],
    ['/apis/x.io/v2/ties/a%20b', ['x.io', 'v2', '', 'ties', 'a b', '']],
    ['/apis/x.io/v2', undefined],
    ['/version', undefined],
  ])('%s', (path, parts) => {
    const route = parseRoute(path);
    expect(
      route && [route.group, route.version, route.namespace, route.plural, route.name, route.subresource],
    ).toEqual(parts);
  });
});

describe('a protobuf body', () => {
  // kubectl create ns foo, as kubectl -v=9 prints it.
  const hex =
    '6b3873000a0f0a02763112094e616d657370616365121b0a130a03666f6f12001a0022002a003200380042001200' +
    '1a020a001a002200';
  it('of kubectl reads as the object that it stands for', () => {
    expect(decodeProtobuf(Buffer.from(hex, 'hex'))).toEqual({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'foo' },
    });
  });
  it('that is cut anywhere is read without a stumble', () => {
    const whole = Buffer.from(hex, 'hex');
    for (let i = 0; i < whole.length; i++) expect(() => decodeProtobuf(whole.subarray(0, i))).not.toThrow();
    expect(decodeProtobuf(Buffer.from('{}'))).toBeUndefined();
  });
});
