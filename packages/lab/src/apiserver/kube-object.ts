import type { Json, JsonObject } from './json.ts';

/** ObjectMeta v1 meta: the fields that this server reads or writes. */
export interface Metadata extends JsonObject {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339, seconds. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

export interface OwnerReference extends JsonObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry extends JsonObject {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly time?: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: JsonObject;
  readonly subresource?: string;
}

/** An object as stored: without `apiVersion` and `kind`, which depend on the version it is read as. */
export interface KubeObject extends JsonObject {
  readonly metadata: Metadata;
}

/** The same object with some metadata fields replaced; undefined removes one. */
export function withMetadata(
  object: KubeObject,
  changes: { readonly [K in keyof Metadata]?: Metadata[K] | undefined },
): KubeObject {
  const metadata: Record<string, Json | undefined> = { ...object.metadata };
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) delete metadata[key];
    else metadata[key] = value;
  }
  return { ...object, metadata };
}

/** Kubernetes time stamps have whole seconds (metav1.Time). */
export function timeText(now: Date): string {
  return `${now.toISOString().slice(0, 19)}Z`;
}
