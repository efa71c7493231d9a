import { ok, type Result } from '@muslin/net';
import type { Kind } from '../kinds/kind.ts';
import type { KubeObject } from '../kube-object.ts';
import { fieldsMatch, parseFieldSelector } from '../select/field-selector.ts';
import { labelsMatch, parseLabelSelector } from '../select/label-selector.ts';
import type { Status } from '../status.ts';

/** Which objects of a collection a request means. */
export interface Selection {
  /** Whether a label or field selector was given. */
  readonly selective: boolean;
  matches(object: KubeObject): boolean;
}

/** Namespace, `labelSelector` and `fieldSelector` of a list, watch or deletecollection. */
export function readSelection(
  kind: Kind,
  namespace: string,
  query: URLSearchParams,
): Result<Selection, Status> {
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  const labels = parseLabelSelector(labelText);
  if (!labels.ok) return labels;
  const fields = parseFieldSelector(fieldText, kind.selectable, !kind.builtIn);
  if (!fields.ok) return fields;
  return ok({
    selective: labels.value.length + fields.value.length > 0,
    matches: object =>
      (namespace === '' || object.metadata.namespace === namespace) &&
      labelsMatch(labels.value, object.metadata.labels ?? {}) &&
      fieldsMatch(fields.value, object),
  });
}
