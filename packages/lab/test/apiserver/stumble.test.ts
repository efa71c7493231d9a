import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../src/apiserver/json.ts';
import { BUILT_IN } from '../../src/apiserver/kinds/registry.ts';
import type { Schema } from '../../src/apiserver/schema/schema.ts';
import { type Rig, startRig } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const junk: fc.Arbitrary<Json> = fc.constantFrom<Json>(
  null,
  '',
  'x',
  'A b',
  -1,
  0,
  1.5,
  70000,
  true,
  [],
  {},
  [null],
  [{}],
  { a: null },
);

/** Values that mostly fit a schema, and sometimes don't. */
function fitting(schema: Schema, depth: number): fc.Arbitrary<Json> {
  const fits = (): fc.Arbitrary<Json> => {
    switch (schema.type) {
      case 'object': {
        const names = Object.keys(schema.properties ?? {});
        if (depth === 0 || names.length === 0)
          return fc.dictionary(fc.constantFrom('a', 'b/c', 'A b'), fc.constantFrom('x', ''));
        return fc.subarray(names, { maxLength: Math.min(5, names.length) }).chain(chosen => {
          const fields = Object.fromEntries(
            chosen.map(name => [name, fitting(schema.properties?.[name] ?? {}, depth - 1)]),
          );
          return fc.record(fields) as fc.Arbitrary<Json>;
        });
      }
      case 'array':
        return fc.array(fitting(schema.items ?? {}, depth - 1), { maxLength: 2 });
      case 'integer':
        return fc.constantFrom(0, 1, 80, 65536, -5);
      case 'boolean':
        return fc.boolean();
      case 'string':
        return fc.constantFrom(
          '',
          'TCP',
          'x',
          '10.0.0.0/8',
          '10.0.0.1',
          'ClusterIP',
          'NodePort',
          '2020-01-01T00:00:00Z',
          'None',
        );
      default:
        return fc.constantFrom<Json>(80, 'http', '100m');
    }
  };
  return fc.oneof({ weight: 12, arbitrary: fits() }, { weight: 1, arbitrary: junk });
}

describe('no body makes the server stumble', () => {
  it.each(BUILT_IN.map(kind => [`${kind.kind} ${kind.group}/${kind.version}`, kind] as const))(
    '%s',
    async (_name, kind) => {
      const root = kind.group === '' ? '/api/v1' : `/apis/${kind.group}/${kind.version}`;
      const path = `${root}${kind.namespaced ? '/namespaces/default' : ''}/${kind.plural}`;
      const {
        apiVersion: _apiVersion,
        kind: _kind,
        metadata: _metadata,
        ...fields
      } = kind.schema.properties ?? {};
      const body = fitting({ type: 'object', properties: fields }, 6);
      await fc.assert(
        fc.asyncProperty(
          body,
          fc.constantFrom(
            'application/merge-patch+json',
            'application/apply-patch+yaml',
            'application/strategic-merge-patch+json',
          ),
          async (value, type) => {
            const object = typeof value === 'object' && value !== null ? value : {};
            const named = {
              apiVersion: root.replace(/^\/apis?\//, ''),
              kind: kind.kind,
              metadata: { name: 'x' },
              ...object,
            };
            const made = await rig.call('POST', path, named);
            const patched = await rig.call('PATCH', `${path}/x?fieldManager=m&force=true`, named, {
              'content-type': type,
            });
            const table = await rig.call('GET', path, undefined, {
              accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
            });
            for (const answer of [made, patched, table])
              expect([answer.body.reason, answer.code < 500]).not.toEqual(['InternalError', false]);
            if (made.code === 201) {
              // What was stored is a good object: it can be read and written back without a change.
              const { body: read } = await rig.call('GET', `${path}/x`);
              const again = await rig.call('PUT', `${path}/x`, read);
              if (patched.code < 300)
                expect([again.code, again.body.metadata?.resourceVersion]).toEqual([
                  200,
                  read.metadata.resourceVersion,
                ]);
            }
            await rig.call(
              'PATCH',
              `${path}/x`,
              { metadata: { finalizers: null } },
              { 'content-type': 'application/merge-patch+json' },
            );
            await rig.call('DELETE', `${path}/x`, { gracePeriodSeconds: 0 });
          },
        ),
        { numRuns: 40 },
      );
    },
  );
});
