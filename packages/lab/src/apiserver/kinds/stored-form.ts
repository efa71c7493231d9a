import { isObject, type JsonObject, jsonTextWith } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import { applyDefaults } from '../schema/default.ts';
import { prune } from '../schema/prune.ts';
import { apiVersionOf, type Kind } from './kind.ts';

const readable = new WeakMap<KubeObject, Map<Kind, KubeObject>>();

/**
 * The stored object as a version of its kind shows it. A definition's new defaults and removed fields take
 * effect on reading too (CRD docs, "Defaulting"), so a custom object may read differently than it was written.
 */
export function fromStored(kind: Kind, object: KubeObject): KubeObject {
  if (kind.builtIn && kind.translate === undefined) return object;
  let versions = readable.get(object);
  if (versions === undefined) {
    versions = new Map();
    readable.set(object, versions);
  }
  let shown = versions.get(kind);
  if (shown === undefined) {
    shown =
      kind.translate?.fromStored(object) ??
      (applyDefaults(prune(object, kind.schema).value, kind.storageSchema ?? kind.schema) as KubeObject);
    versions.set(kind, shown);
  }
  return shown;
}

/** Type fields first, as every answer that holds one object has them. */
export function withTypeMeta(kind: Kind, object: KubeObject): KubeObject {
  return { kind: kind.kind, apiVersion: apiVersionOf(kind), ...object };
}

const leads = new WeakMap<Kind, string>();

/** JSON text of a stored object as this kind, with `kind` and `apiVersion`. */
export function objectText(kind: Kind, object: KubeObject): string {
  let lead = leads.get(kind);
  if (lead === undefined) {
    lead = `"kind":${JSON.stringify(kind.kind)},"apiVersion":${JSON.stringify(apiVersionOf(kind))}`;
    leads.set(kind, lead);
  }
  return jsonTextWith(lead, fromStored(kind, object));
}

/** Drops `kind` and `apiVersion`; makes sure that there is metadata. */
export function withoutTypeMeta(object: JsonObject): KubeObject {
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  return { ...rest, metadata: isObject(object['metadata']) ? object['metadata'] : {} };
}
