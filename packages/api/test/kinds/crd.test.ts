import { readdirSync, readFileSync } from 'node:fs';
import {
  bgpConfiguration,
  bgpFilter,
  type Crd,
  crdOf,
  felixConfiguration,
  felixSupportPage,
  globalNetworkPolicy,
  ipPool,
  KINDS,
  pageName,
  readBgpFilter,
  readIpPool,
  referenceIndex,
  referencePage,
  type SchemaNode,
  type SpecOf,
  structuralOf,
  writeYaml,
} from '@muslin/api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';

const root = new URL('../../../../', import.meta.url);
const schemaIn = (crd: Crd) => crd.spec.versions[0].schema.openAPIV3Schema;

function* nodes(schema: SchemaNode, path: string): IterableIterator<readonly [string, SchemaNode]> {
  yield [path, schema];
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    yield* nodes(property, `${path}.${name}`);
  if (schema.items) yield* nodes(schema.items, `${path}[]`);
  if (schema.additionalProperties) yield* nodes(schema.additionalProperties, `${path}{}`);
}

describe.each(KINDS)('the CRD of $kind', kind => {
  const crd = crdOf(kind);
  const all = [...nodes(schemaIn(crd), '')];

  test('is structural: every node has one type and nothing that servers refuse', () => {
    for (const [path, node] of all) {
      if (node['x-kubernetes-int-or-string']) {
        expect(node.type, path).toBeUndefined();
        expect(node.anyOf, path).toEqual([{ type: 'integer' }, { type: 'string' }]);
      } else expect(node.type, path).toMatch(/^(array|boolean|integer|number|object|string)$/);
      expect(node.type === 'array', path).toBe(node.items !== undefined);
      expect(node.properties && node.additionalProperties, path).toBeUndefined();
      for (const word of ['$ref', 'usual', 'oneOf', 'allOf', 'not', 'uniqueItems', 'const', 'examples'])
        expect(node, path).not.toHaveProperty([word]);
    }
  });

  test('says what every field means', () => {
    for (const [path, node] of all)
      if (path !== '.metadata' && !path.endsWith('[]') && !path.endsWith('{}'))
        expect(node.description, path).toMatch(/\S/);
  });

  test('has patterns that RE2 and JavaScript read alike', () => {
    for (const [path, { pattern }] of all) {
      if (pattern === undefined) continue;
      expect(() => new RegExp(pattern, 'u'), path).not.toThrow();
      expect(pattern, path).not.toMatch(/\(\?[=!<]/);
    }
  });

  test('selects only by fields that exist, and its list keys are required', () => {
    for (const jsonPath of kind.selectable)
      expect(all.some(([path, node]) => path === jsonPath && node.type === 'string')).toBe(true);
    for (const [path, node] of all) {
      for (const key of node['x-kubernetes-list-map-keys'] ?? [])
        expect(node.items?.required, path).toContain(key);
    }
  });
});

describe.each(KINDS)('what servers refuse besides: $kind', kind => {
  const crd = crdOf(kind);
  const all = [...nodes(schemaIn(crd), '')];

  test('defaults are values that the field takes', () => {
    for (const [path, { default: value, type, enum: choices, pattern, maxLength }] of all) {
      if (value === undefined) continue;
      expect(type === 'integer' ? Number.isInteger(value) : typeof value === type, path).toBe(true);
      if (choices !== undefined) expect(choices, path).toContain(value);
      if (pattern !== undefined) expect(String(value), path).toMatch(new RegExp(pattern, 'u'));
      expect(String(value).length, path).toBeLessThanOrEqual(maxLength ?? Number.POSITIVE_INFINITY);
    }
  });

  test('sets hold plain values, and rules about the state before stand where it can be found', () => {
    for (const [path, node] of all) {
      if (node['x-kubernetes-list-type'] === 'set')
        expect(node.items?.type, path).toMatch(/^(string|integer|number|boolean)$/);
      for (const { rule, message } of node['x-kubernetes-validations'] ?? []) {
        if (/\boldSelf\b/.test(rule)) expect(path, rule).not.toContain('[]');
        expect(message, path).toMatch(/^\S[^\n]*$/);
      }
    }
  });

  test('the selectable fields and columns are as many and of such types as are allowed', () => {
    expect(kind.selectable.length).toBeLessThanOrEqual(8);
    for (const { jsonPath } of kind.columns) expect(jsonPath).toMatch(/^\.(spec|status|metadata)\./);
  });

  test('it fits in the annotation that kubectl apply keeps it in', () => {
    expect(JSON.stringify(crd).length).toBeLessThan(200_000);
  });
});

test('no two kinds of a group share a name, singular or short', () => {
  for (const group of new Set(KINDS.map(kind => kind.group))) {
    const names = KINDS.filter(kind => kind.group === group).flatMap(kind => {
      const { plural, singular, shortNames = [] } = crdOf(kind).spec.names;
      return [plural, singular, ...shortNames];
    });
    expect(names).toHaveLength(new Set(names).size);
    for (const name of names) expect(name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
  }
});

test('a printer column shows a field that exists, or how old the object is', () => {
  for (const kind of KINDS) {
    const paths = new Set([...nodes(schemaIn(crdOf(kind)), '')].map(([path]) => path));
    for (const { jsonPath } of kind.columns) {
      const plain = jsonPath.replace(/\[\?\(.*\)\]/, '[]');
      expect(paths.has(plain) || plain === '.metadata.creationTimestamp', `${kind.kind} ${jsonPath}`).toBe(
        true,
      );
    }
  }
});

test('policies can be selected by tier', () => {
  const version = crdOf(globalNetworkPolicy).spec.versions[0];
  expect(version.selectableFields).toEqual([{ jsonPath: '.spec.tier' }]);
  expect(schemaIn(crdOf(globalNetworkPolicy)).properties?.['spec']?.properties?.['tier']?.default).toBe(
    'default',
  );
});

test('spec may be left out unless it has something that nothing fills in', () => {
  const required = KINDS.filter(kind => schemaIn(crdOf(kind)).required?.includes('spec')).map(
    ({ kind }) => kind,
  );
  expect(required).toEqual([
    'BGPQuestion',
    'BlockAffinity',
    'IPAMBlock',
    'IPAMHandle',
    'IPPool',
    'KubeControllersConfiguration',
  ]);
});

test('crds/ and docs/reference/ hold what the kinds say: otherwise run npm run crds', () => {
  const files = (folder: string, suffix: string) =>
    readdirSync(new URL(folder, root))
      .filter(name => name.endsWith(suffix))
      .sort();
  expect(files('crds/', '.yaml')).toEqual(KINDS.map(({ group, plural }) => `${group}_${plural}.yaml`).sort());
  expect(files('docs/reference/', '.md')).toEqual(
    [...KINDS.map(pageName), 'README.md', 'felixconfiguration-support.md'].sort(),
  );
  const support = new URL('docs/reference/felixconfiguration-support.md', root);
  expect(readFileSync(support, 'utf8')).toBe(felixSupportPage());
  for (const kind of KINDS) {
    const yaml = readFileSync(new URL(`crds/${kind.group}_${kind.plural}.yaml`, root), 'utf8');
    expect(parse(yaml)).toEqual(crdOf(kind));
    expect(yaml.endsWith(`\n${writeYaml(crdOf(kind))}`)).toBe(true);
    expect(readFileSync(new URL(`docs/reference/${pageName(kind)}`, root), 'utf8')).toBe(referencePage(kind));
  }
  expect(readFileSync(new URL('docs/reference/README.md', root), 'utf8')).toBe(referenceIndex(KINDS));
});

describe('the zod schema of a kind', () => {
  test('fills in defaults and refuses what the CRD refuses', () => {
    expect(ipPool.spec.parse({ cidr: '10.0.0.0/16' })).toEqual({
      cidr: '10.0.0.0/16',
      nodeSelector: 'all()',
      assignmentMode: 'Automatic',
    });
    expect(ipPool.spec.safeParse({ cidr: '10.0.0.0/16', vxlanMode: 'always' }).success).toBe(false);
    expect(
      felixConfiguration.spec.safeParse({ logSeverityScreen: 'debug', kubeNodePortRanges: ['1:2', 3] })
        .success,
    ).toBe(true);
    expect(felixConfiguration.spec.safeParse({ logSeverityScreen: 'loud' }).success).toBe(false);
  });

  test('is a type for people who write programs', () => {
    const spec: SpecOf<typeof ipPool> = { cidr: '10.0.0.0/16', vxlanMode: 'CrossSubnet' };
    const object = { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name: 'p' }, spec };
    expect(readIpPool(object).value?.vxlanMode).toBe('CrossSubnet');
  });

  test.each(['eth0', 'eth*', '*0', '**', 'abcdefghijklmno'])('takes the interface %s', name => {
    expect(bgpConfiguration.spec.safeParse({ ignoredInterfaces: [name] }).success).toBe(true);
  });

  test.each(['*', '', 'a b', 'abcdefghijklmnop'])('refuses the interface %j', name => {
    expect(bgpConfiguration.spec.safeParse({ ignoredInterfaces: [name] }).success).toBe(false);
  });

  test('an operation of a filter is exactly one', () => {
    const operations = (operation: object) =>
      bgpFilter.spec.safeParse({ exportV4: [{ action: 'Accept', operations: [operation] }] }).success;
    const [community, priority] = [{ addCommunity: { value: '1:2' } }, { setPriority: { value: 1 } }];
    expect([{}, community, priority, { ...community, ...priority }].map(operations)).toEqual([
      false,
      true,
      true,
      false,
    ]);
    const schema = schemaIn(crdOf(bgpFilter)).properties?.['spec']?.properties?.['exportV4']?.items;
    expect(schema?.properties?.['operations']?.items).toMatchObject({ minProperties: 1, maxProperties: 1 });
  });

  test.each(['1:2', '65535:65535', '0:0', '4294967295:0:1', '65536:1:1'])(
    'takes the community %s as the reader does',
    value => {
      const spec: SpecOf<typeof bgpFilter> = {
        importV4: [{ action: 'Accept', communities: { values: [value] } }],
      };
      expect(bgpFilter.spec.safeParse(spec).success).toBe(true);
      expect(readBgpFilter({ metadata: { name: 'f' }, spec }).value).toBeDefined();
    },
  );

  test.each(['65536:1', '1:65536', '4294967296:0:1', '1', '1:2:3:4', 'a:b'])(
    'refuses the community %s as the reader does',
    value => {
      const spec: SpecOf<typeof bgpFilter> = {
        importV4: [{ action: 'Accept', communities: { values: [value] } }],
      };
      expect(bgpFilter.spec.safeParse(spec).success).toBe(false);
      expect(readBgpFilter({ metadata: { name: 'f' }, spec }).value).toBeUndefined();
    },
  );
});

describe('structuralOf', () => {
  test.each<[string, z.ZodType]>([
    ['a union of types', z.union([z.boolean(), z.string()])],
    ['a tuple', z.tuple([z.string(), z.int()])],
    ['anything', z.unknown()],
  ])('throws on %s, which has no structural form', (_, schema) => {
    expect(() => structuralOf(z.object({ field: schema }))).toThrow(/field/);
  });

  test('keeps bounds that were written and drops those of JavaScript', () => {
    expect(
      structuralOf(z.object({ a: z.int(), b: z.int().min(1).max(2).optional(), c: z.literal([4, 6]) })),
    ).toEqual({
      type: 'object',
      properties: {
        a: { type: 'integer' },
        b: { type: 'integer', minimum: 1, maximum: 2 },
        c: { type: 'integer', enum: [4, 6] },
      },
      required: ['a', 'c'],
    });
  });
});

describe('writeYaml', () => {
  test('gives text that YAML reads back as the same value', () => {
    const key = fc
      .oneof(fc.string(), fc.constantFrom('a', 'true', 'no', '1', '-', 'x y', ': ', '#'))
      .filter(k => k !== '__proto__');
    const value = fc.letrec<{ v: unknown }>(tie => ({
      v: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(
          '',
          'true',
          'null',
          '~',
          'a: b',
          'a #b',
          '- a',
          '1.5',
          '0x1',
          'a\nb',
          'yes',
          'it, is',
          "'",
          '"',
          ' a ',
        ),
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('v'), { maxLength: 3 }),
        fc.dictionary(key, tie('v'), { maxKeys: 3, noNullPrototype: true }),
      ),
    })).v;
    fc.assert(
      fc.property(fc.dictionary(key, value, { noNullPrototype: true }), object => {
        expect(parse(writeYaml(object))).toEqual(object);
      }),
    );
  });

  test('begins a map on the line of its dash', () => {
    expect(writeYaml({ a: [{ b: 1, c: [] }, 'x y'], d: {} })).toBe('a:\n- b: 1\n  c: []\n- x y\nd: {}\n');
  });
});
