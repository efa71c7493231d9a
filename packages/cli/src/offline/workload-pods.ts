import { isRecord, recordAt, valueAt } from '../files/json.ts';
import type { RawObject } from '../files/load.ts';
import { isPod, namespaceOf } from './namespaces.ts';

/** Where each kind of workload keeps the template of its pods. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  'apps/v1/Deployment': ['spec', 'template'],
  'apps/v1/StatefulSet': ['spec', 'template'],
  'apps/v1/DaemonSet': ['spec', 'template'],
  'apps/v1/ReplicaSet': ['spec', 'template'],
  'v1/ReplicationController': ['spec', 'template'],
  'batch/v1/Job': ['spec', 'template'],
  'batch/v1/CronJob': ['spec', 'jobTemplate', 'spec', 'template'],
};

/**
 * Adds one pod for each workload of a repository, named like the workload, so that people can ask about what they
 * wrote before any pod exists. A workload that pods of the files belong to, or that shares its name with a pod, adds
 * none.
 */
export function withWorkloadPods(objects: readonly RawObject[]): readonly RawObject[] {
  const names = new Set(objects.filter(isPod).map(keyOf));
  const owners = new Set(objects.flatMap(ownersOf));
  const added: RawObject[] = [];
  for (const object of objects) {
    const path = TEMPLATES[`${object.apiVersion}/${object.kind}`];
    const { name } = object.metadata;
    const key = keyOf(object);
    if (path === undefined || name === undefined || names.has(key) || owners.has(`${object.kind}/${key}`))
      continue;
    const template = valueAt(object, ...path);
    if (!isRecord(template)) continue;
    names.add(key);
    added.push({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...recordAt(template, 'metadata'), name, namespace: namespaceOf(object) },
      spec: template['spec'],
    });
  }
  return [...objects, ...added];
}

function keyOf(object: RawObject): string {
  return `${namespaceOf(object)}/${object.metadata.name ?? ''}`;
}

/** `kind/namespace/name` of what owns a pod, and what owns that (a Deployment's pods belong to its ReplicaSets). */
function ownersOf(object: RawObject): readonly string[] {
  const references = valueAt(object.metadata, 'ownerReferences');
  if (!Array.isArray(references)) return [];
  return references.flatMap(owner =>
    isRecord(owner) ? [`${String(owner['kind'])}/${namespaceOf(object)}/${String(owner['name'])}`] : [],
  );
}
