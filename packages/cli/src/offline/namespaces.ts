import { isRecord, recordAt } from '../files/json.ts';
import type { RawObject } from '../files/load.ts';

/** Kubernetes puts it on every namespace and resets what people write there (netpol S39). */
const NAME_LABEL = 'kubernetes.io/metadata.name';

/** The namespaces as a server would have them: those that pods live in exist, and each carries its name as a label. */
export function withNamespaces(objects: readonly RawObject[]): readonly RawObject[] {
  const given = new Set<string>();
  const labelled = objects.map(object => {
    const { name } = object.metadata;
    if (object.kind !== 'Namespace' || object.apiVersion !== 'v1' || name === undefined) return object;
    given.add(name);
    return labelledNamespace(object, name);
  });
  const implied = new Set(objects.filter(isPod).map(namespaceOf));
  return [
    ...labelled,
    ...[...implied]
      .filter(name => !given.has(name))
      .map(name => labelledNamespace({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, name)),
  ];
}

function labelledNamespace(object: RawObject, name: string): RawObject {
  const labels = recordAt(object.metadata, 'labels');
  // A misshapen `labels` is left for normalisation to report.
  if ('labels' in object.metadata && !isRecord(object.metadata['labels' as never] ?? {})) return object;
  return {
    ...object,
    metadata: { ...object.metadata, labels: { ...labels, [NAME_LABEL]: name } } as RawObject['metadata'],
  };
}

export function isPod(object: RawObject): boolean {
  return object.kind === 'Pod' && object.apiVersion === 'v1';
}

/** Where a namespaced object lives; kubectl puts what names no namespace into `default`. */
export function namespaceOf(object: RawObject): string {
  return object.metadata.namespace || 'default';
}
