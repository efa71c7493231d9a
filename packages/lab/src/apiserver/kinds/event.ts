import { at, type Json, textAt } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import { shape } from '../schema/shape.ts';
import { objectReference, objectSchema } from './common-schema.ts';
import { ageText, builtIn, type Column } from './kind.ts';

const source = shape({ component: 'string', host: 'string' });
const series = shape({ count: 'int32', lastObservedTime: 'time', state: 'string' });

/** The two APIs name the same fields differently (events.k8s.io/v1 ⇄ core/v1). */
const NAMES: readonly (readonly [string, string])[] = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];

function rename(object: KubeObject, from: 0 | 1): KubeObject {
  const map = new Map(NAMES.map(pair => [pair[from], pair[1 - from] as string]));
  const fields = Object.entries(object).map(([key, value]) => [map.get(key) ?? key, value] as const);
  return { ...Object.fromEntries(fields), metadata: object.metadata };
}

const lastSeen = (object: KubeObject): string =>
  textAt(object, 'series', 'lastObservedTime') ||
  textAt(object, 'lastTimestamp') ||
  textAt(object, 'eventTime') ||
  (object.metadata.creationTimestamp ?? '');

function column(name: string, read: (object: KubeObject, now: Date) => Json, priority = 0): Column {
  return { name, type: 'string', priority, read };
}

const columns: readonly Column[] = [
  column('Last Seen', (object, now) => ageText(lastSeen(object), now)),
  column('Type', object => textAt(object, 'type')),
  column('Reason', object => textAt(object, 'reason')),
  column('Object', object => {
    const { kind, name } = {
      kind: textAt(object, 'involvedObject', 'kind'),
      name: textAt(object, 'involvedObject', 'name'),
    };
    return `${kind.toLowerCase()}/${name}`;
  }),
  column('Subobject', object => textAt(object, 'involvedObject', 'fieldPath'), 1),
  column(
    'Source',
    object => textAt(object, 'source', 'component') || textAt(object, 'reportingComponent'),
    1,
  ),
  column('Message', object => textAt(object, 'message').trim()),
  column(
    'First Seen',
    (object, now) => ageText(textAt(object, 'firstTimestamp') || lastSeen(object), now),
    1,
  ),
  column('Count', object => String(at(object, 'series', 'count') ?? object['count'] ?? 1), 1),
  column('Name', object => object.metadata.name ?? '', 1),
];

const involved = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];
const selectable = Object.fromEntries([
  ...involved.map(field => [
    `involvedObject.${field}`,
    (object: KubeObject) => textAt(object, 'involvedObject', field),
  ]),
  ...['reason', 'type', 'reportingComponent'].map(field => [
    field,
    (object: KubeObject) => textAt(object, field),
  ]),
  [
    'source',
    (object: KubeObject) => textAt(object, 'source', 'component') || textAt(object, 'reportingComponent'),
  ],
]);

/** Event v1. */
export const coreEvent = builtIn({
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  selectable,
  columns,
  schema: objectSchema('Event is a report of an event somewhere in the cluster.', {
    involvedObject: objectReference,
    reason: 'string',
    message: 'string',
    source,
    firstTimestamp: 'time',
    lastTimestamp: 'time',
    count: 'int32',
    type: 'string',
    eventTime: 'time',
    series,
    action: 'string',
    related: objectReference,
    reportingComponent: 'string',
    reportingInstance: 'string',
  }),
});

/** Event events.k8s.io/v1: the same objects. */
export const event = builtIn({
  group: 'events.k8s.io',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  storage: '/events',
  selectable,
  columns,
  schema: objectSchema('Event is a report of an event somewhere in the cluster.', {
    eventTime: 'time',
    series,
    reportingController: 'string',
    reportingInstance: 'string',
    action: 'string',
    reason: 'string',
    regarding: objectReference,
    related: objectReference,
    note: 'string',
    type: 'string',
    deprecatedSource: source,
    deprecatedFirstTimestamp: 'time',
    deprecatedLastTimestamp: 'time',
    deprecatedCount: 'int32',
  }),
  translate: { fromStored: object => rename(object, 1), toStored: object => rename(object, 0) },
});
