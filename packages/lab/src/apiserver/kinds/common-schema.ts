import type { Schema } from '../schema/schema.ts';
import { listBy, listOf, shape } from '../schema/shape.ts';

/** OwnerReference v1 meta. */
const ownerReference = shape(
  {
    'apiVersion!': 'string',
    'kind!': 'string',
    'name!': 'string',
    'uid!': 'string',
    controller: 'bool',
    blockOwnerDeletion: 'bool',
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

const managedFieldsEntry = shape({
  manager: 'string',
  operation: 'string',
  apiVersion: 'string',
  time: 'time',
  fieldsType: 'string',
  fieldsV1: 'any',
  subresource: 'string',
});

/** ObjectMeta v1 meta. */
export const objectMeta: Schema = shape(
  {
    name: 'string',
    generateName: 'string',
    namespace: 'string',
    selfLink: 'string',
    uid: 'string',
    resourceVersion: 'string',
    generation: 'int64',
    creationTimestamp: 'time',
    deletionTimestamp: 'time',
    deletionGracePeriodSeconds: 'int64',
    labels: 'map',
    annotations: 'map',
    ownerReferences: listBy(['uid'], ownerReference),
    finalizers: 'set[]',
    managedFields: listOf(managedFieldsEntry),
  },
  { description: "Standard object's metadata." },
);

/** A whole object: type and metadata around the kind's own fields. */
export function objectSchema(description: string, fields: Parameters<typeof shape>[0]): Schema {
  return shape({ apiVersion: 'string', kind: 'string', metadata: objectMeta, ...fields }, { description });
}

/** LabelSelector v1 meta. */
export const labelSelector = shape(
  {
    matchLabels: 'map',
    matchExpressions: listOf(shape({ 'key!': 'string', 'operator!': 'string', values: 'string[]' })),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

/** Condition v1 meta, and the looser conditions of Node, Pod and Namespace. */
export const conditions = listBy(
  ['type'],
  shape({
    'type!': 'string',
    'status!': 'string',
    observedGeneration: 'int64',
    lastHeartbeatTime: 'time',
    lastProbeTime: 'time',
    lastTransitionTime: 'time',
    reason: 'string',
    message: 'string',
  }),
);

/** ObjectReference v1. */
export const objectReference = shape(
  {
    kind: 'string',
    namespace: 'string',
    name: 'string',
    uid: 'string',
    apiVersion: 'string',
    resourceVersion: 'string',
    fieldPath: 'string',
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

/** LocalObjectReference v1. */
export const localReference = shape({ name: 'string' }, { 'x-kubernetes-map-type': 'atomic' });
