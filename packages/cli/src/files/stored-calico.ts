import type { AnyObject } from '@muslin/kube';
import { isRecord, recordAt, textAt } from './json.ts';
import type { LoadedObject, RawObject } from './load.ts';

/** Where Calico keeps its objects when its own API server stands before them (calico.md §1.1). */
const STORED = 'crd.projectcalico.org/v1';
/** Kinds that have another name there. */
export const RENAMED: ReadonlyMap<string, string> = new Map([['IPAMConfig', 'IPAMConfiguration']]);
/** What the API server fills in, and what kubectl keeps for itself. */
const OWN_ANNOTATIONS =
  /^(projectcalico\.org\/metadata|kubectl\.kubernetes\.io\/last-applied-configuration)$/;

/** Objects of `crd.projectcalico.org/v1`, as people dump them from a cluster, as `projectcalico.org/v3` serves them; others as they are. */
export function allServed(items: readonly LoadedObject[]): readonly LoadedObject[] {
  return items.map(item =>
    item.object.apiVersion === STORED ? { ...item, object: served(item.object) } : item,
  );
}

function served(object: RawObject): RawObject {
  const kind = RENAMED.get(object.kind) ?? object.kind;
  return { ...object, apiVersion: 'projectcalico.org/v3', kind, metadata: servedMetadata(object) };
}

/** The metadata of v3, which a v1 object keeps in an annotation, without what the server fills in. */
export function servedMetadata({
  apiVersion,
  metadata,
}: Pick<AnyObject, 'apiVersion' | 'metadata'>): AnyObject['metadata'] {
  const given = metadata.annotations;
  const stored = apiVersion?.startsWith('crd.') && isRecord(given) ? storedMetadata(given) : {};
  const { namespace } = metadata;
  const annotations = Object.fromEntries(
    Object.entries({ ...given, ...recordAt(stored, 'annotations') }).filter(
      ([key]) => !OWN_ANNOTATIONS.test(key),
    ),
  ) as Record<string, string>;
  const labels = { ...metadata.labels, ...recordAt(stored, 'labels') } as Record<string, string>;
  return {
    name: textAt(stored, 'name') ?? metadata.name ?? '',
    ...(namespace !== undefined && { namespace }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}

function storedMetadata(annotations: Readonly<Record<string, unknown>>): unknown {
  try {
    return JSON.parse(String(annotations['projectcalico.org/metadata'] ?? '{}'));
  } catch {
    return {};
  }
}
