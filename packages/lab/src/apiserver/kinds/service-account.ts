import { listAt } from '../json.ts';
import { listBy, listOf } from '../schema/shape.ts';
import { localReference, objectReference, objectSchema } from './common-schema.ts';
import { AGE_COLUMN, builtIn, NAME_COLUMN } from './kind.ts';

/** ServiceAccount v1. */
export const serviceAccount = builtIn({
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  schema: objectSchema('ServiceAccount binds together a name and the identity of processes in pods.', {
    secrets: listBy(['name'], objectReference),
    imagePullSecrets: listOf(localReference),
    automountServiceAccountToken: 'bool',
  }),
  columns: [
    NAME_COLUMN,
    { name: 'Secrets', type: 'string', read: object => listAt(object, 'secrets').length },
    AGE_COLUMN,
  ],
});
