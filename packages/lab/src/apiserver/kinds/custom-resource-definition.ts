import { at, listAt, objectAt, textAt } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import { checkDefinition } from '../schema/definition-check.ts';
import { listOf, shape } from '../schema/shape.ts';
import { conditions, objectSchema } from './common-schema.ts';
import { builtIn, NAME_COLUMN } from './kind.ts';

/** Keeps a definition until its objects are gone (control/definition-life.ts). */
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

const names = shape({
  'plural!': 'string',
  singular: 'string',
  shortNames: 'string[]',
  'kind!': 'string',
  listKind: 'string',
  categories: 'string[]',
});

const version = shape({
  'name!': 'string',
  'served!': 'bool',
  'storage!': 'bool',
  deprecated: 'bool',
  deprecationWarning: 'string',
  schema: shape({ openAPIV3Schema: 'any' }),
  subresources: shape({ status: 'any', scale: 'any' }),
  additionalPrinterColumns: listOf(
    shape({
      'name!': 'string',
      'type!': 'string',
      format: 'string',
      description: 'string',
      priority: 'int32',
      'jsonPath!': 'string',
    }),
  ),
  selectableFields: listOf(shape({ 'jsonPath!': 'string' })),
});

/** CustomResourceDefinition apiextensions.k8s.io/v1. */
export const customResourceDefinition = builtIn({
  group: 'apiextensions.k8s.io',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  hasStatus: true,
  hasGeneration: true,
  schema: objectSchema(
    'CustomResourceDefinition represents a resource that should be exposed on the API server.',
    {
      spec: shape({
        'group!': 'string',
        'names!': names,
        'scope!': 'string',
        'versions!': listOf(version),
        conversion: shape({ 'strategy!': 'string', webhook: 'any' }),
        preserveUnknownFields: 'bool',
      }),
      status: shape({
        conditions,
        acceptedNames: names,
        storedVersions: 'string[]',
        observedGeneration: 'int64',
      }),
    },
  ),
  columns: [
    NAME_COLUMN,
    { name: 'Created At', type: 'date', read: object => object.metadata.creationTimestamp ?? '' },
  ],
  strategy: {
    create: object => ({
      ...object,
      metadata: {
        ...object.metadata,
        finalizers: [...(object.metadata.finalizers ?? []), CLEANUP_FINALIZER],
      },
      status: {
        conditions: [],
        acceptedNames: { plural: '', kind: '' },
        storedVersions: [storageVersion(object)],
      },
    }),
    update: (next, old) => {
      const stored = listAt(old, 'status', 'storedVersions');
      const now = storageVersion(next);
      const storedVersions = stored.includes(now) ? stored : [...stored, now];
      return { ...next, status: { ...objectAt(next, 'status'), storedVersions } };
    },
    complete,
    validate: checkDefinition,
    validateUpdate: (next, old) => {
      const changed = ['group', 'scope'].filter(field => at(next, 'spec', field) !== at(old, 'spec', field));
      return changed.map(field => ({
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${JSON.stringify(at(next, 'spec', field))}: field is immutable`,
        field: `spec.${field}`,
      }));
    },
  },
});

/** The version that objects are stored in. */
function storageVersion(definition: KubeObject): string {
  const found = listAt(definition, 'spec', 'versions').find(item => at(item, 'storage') === true);
  return textAt(found, 'name');
}

/** The names that may be left out (CustomResourceDefinitionNames). */
function complete(object: KubeObject): KubeObject {
  const spec = objectAt(object, 'spec');
  const given = objectAt(spec, 'names');
  const kind = textAt(given, 'kind');
  return {
    ...object,
    spec: {
      ...spec,
      names: {
        ...given,
        singular: given['singular'] ?? kind.toLowerCase(),
        ...(given['listKind'] === undefined && kind !== '' ? { listKind: `${kind}List` } : {}),
      },
      conversion: spec['conversion'] ?? { strategy: 'None' },
    },
  };
}
