import { type KubeObject, keyOf } from './kube-object.ts';

/** What changed in a set of objects. `old` is undefined for an object not seen before. */
export type ObjectEvent<T extends KubeObject> =
  | { readonly type: 'upsert'; readonly object: T; readonly old: T | undefined }
  | { readonly type: 'delete'; readonly object: T };

/** Events that turn what was known into what a fresh list says: deletions first, so that names can move. */
export function diffRelist<T extends KubeObject>(
  known: ReadonlyMap<string, T>,
  listed: ReadonlyMap<string, T>,
): ObjectEvent<T>[] {
  const events: ObjectEvent<T>[] = [];
  for (const [key, object] of known) if (!listed.has(key)) events.push({ type: 'delete', object });
  for (const [key, object] of listed) {
    const event = upsertOf(known.get(key), object);
    if (event !== undefined) events.push(event);
  }
  return events;
}

/** The event of one object seen, or undefined when that version is already known. */
export function upsertOf<T extends KubeObject>(old: T | undefined, object: T): ObjectEvent<T> | undefined {
  if (old === undefined) return { type: 'upsert', object, old };
  const version = object.metadata.resourceVersion;
  if (version === old.metadata.resourceVersion && object.metadata.uid === old.metadata.uid) return undefined;
  return { type: 'upsert', object, old };
}

/** Objects by `namespace/name`. */
export function byKey<T extends KubeObject>(objects: Iterable<T>): Map<string, T> {
  const map = new Map<string, T>();
  for (const object of objects) map.set(keyOf(object), object);
  return map;
}
