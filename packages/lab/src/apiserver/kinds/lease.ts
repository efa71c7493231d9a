import { textAt } from '../json.ts';
import { shape } from '../schema/shape.ts';
import { objectSchema } from './common-schema.ts';
import { AGE_COLUMN, builtIn, NAME_COLUMN } from './kind.ts';

/** Lease coordination.k8s.io/v1. */
export const lease = builtIn({
  group: 'coordination.k8s.io',
  kind: 'Lease',
  plural: 'leases',
  schema: objectSchema('Lease defines a lease concept.', {
    spec: shape({
      holderIdentity: 'string',
      leaseDurationSeconds: 'int32',
      acquireTime: 'time',
      renewTime: 'time',
      leaseTransitions: 'int32',
      strategy: 'string',
      preferredHolder: 'string',
    }),
  }),
  columns: [
    NAME_COLUMN,
    { name: 'Holder', type: 'string', read: object => textAt(object, 'spec', 'holderIdentity') },
    AGE_COLUMN,
  ],
});
