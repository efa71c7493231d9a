/** ObjectMeta, as far as Muslin reads it (Kubernetes meta/v1 ObjectMeta). */
export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly generateName?: string;
  readonly uid?: string;
  /** Opaque; only equality means something. */
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339. */
  readonly creationTimestamp?: string | null;
  readonly deletionTimestamp?: string | null;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** Who owns an object (meta/v1 OwnerReference). */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Any object of the API. Rooms above extend it with their `spec` and `status`, or read those as `unknown`. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** An object whose parts beside `metadata` are unknown until they are parsed. */
export interface AnyObject extends KubeObject {
  readonly [field: string]: unknown;
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** One page of a list. */
export interface KubeList<T> {
  readonly items: readonly T[];
  /** Version of the whole list: where a watch continues. */
  readonly resourceVersion: string;
  /** Token for the next page; undefined on the last. */
  readonly next: string | undefined;
  /** Items after this page, when the server says. */
  readonly remaining: number | undefined;
}

/** Names one object. */
export interface ObjectName {
  readonly namespace?: string;
  readonly name: string;
}

/** Where an object stands: its own namespace and name. Throws for an object without a name: a bug of the caller. */
export function nameOf(object: KubeObject): ObjectName {
  const { name, namespace } = object.metadata;
  if (name === undefined || name === '') throw new Error('object has no metadata.name');
  return namespace === undefined ? { name } : { namespace, name };
}

/** `namespace/name`, or `name` for cluster-scoped objects. */
export function keyOf(object: KubeObject): string {
  const { name = '', namespace } = object.metadata;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}
