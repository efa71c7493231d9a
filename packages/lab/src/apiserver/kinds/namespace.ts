import { objectAt, textAt } from '../json.ts';
import { withMetadata } from '../kube-object.ts';
import { shape } from '../schema/shape.ts';
import { conditions, objectSchema } from './common-schema.ts';
import { AGE_COLUMN, builtIn, NAME_COLUMN } from './kind.ts';

/** Namespace v1. Its life (Terminating, contents first) is in control/namespace-life.ts. */
export const namespace = builtIn({
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  nameRule: 'label',
  hasStatus: true,
  schema: objectSchema('Namespace provides a scope for Names.', {
    spec: shape({ finalizers: 'set[]' }),
    status: shape({ phase: 'string', conditions }),
  }),
  selectable: { 'status.phase': object => textAt(object, 'status', 'phase') },
  subresources: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }],
  columns: [
    NAME_COLUMN,
    { name: 'Status', type: 'string', read: object => textAt(object, 'status', 'phase') },
    AGE_COLUMN,
  ],
  strategy: {
    create: object => ({ ...object, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } }),
    // Only /finalize may change spec.finalizers.
    update: (next, old) => ({ ...next, spec: objectAt(old, 'spec') }),
    complete: object =>
      withMetadata(object, {
        labels: { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name ?? '' },
      }),
  },
});
