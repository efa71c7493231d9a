import type { Json, JsonObject } from '../json.ts';
import type { Kind } from '../kinds/kind.ts';
import { fromStored, withTypeMeta } from '../kinds/stored-form.ts';
import type { KubeObject } from '../kube-object.ts';

/** Table v1 meta, columnDefinitions. */
export function tableHead(kind: Kind): JsonObject {
  return {
    columnDefinitions: kind.columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({
      name,
      type,
      format,
      description,
      priority,
    })),
  };
}

/** Table v1 meta, one row. */
export function tableRow(
  kind: Kind,
  object: KubeObject,
  include: 'Object' | 'Metadata' | 'None',
  now: Date,
): JsonObject {
  const shown = kind.builtIn ? object : fromStored(kind, object);
  const cells: readonly Json[] = kind.columns.map(column => column.read(shown, now));
  switch (include) {
    case 'None':
      return { cells, object: null };
    case 'Object':
      return { cells, object: withTypeMeta(kind, fromStored(kind, object)) };
    case 'Metadata':
      return {
        cells,
        object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
      };
    default:
      return include satisfies never;
  }
}
