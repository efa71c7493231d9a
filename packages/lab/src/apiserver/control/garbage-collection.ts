import type { Api } from '../api.ts';
import { type KubeObject, type OwnerReference, withMetadata } from '../kube-object.ts';
import { deleteObject } from '../serve/delete.ts';
import type { StoreEvent } from '../store/store.ts';
import type { Controller } from './controller.ts';
import { settleObject } from './system-write.ts';

interface Place {
  readonly storage: string;
  readonly key: string;
}

/** Deletes what lost its owners (Kubernetes, Garbage Collection: background, foreground, orphan). */
export class GarbageCollection implements Controller {
  /** uid → where the object is. */
  readonly #objects = new Map<string, Place>();
  /** uid of an owner → objects that name it. */
  readonly #dependents = new Map<string, Map<string, Place>>();

  start(api: Api): void {
    for (const storage of api.store.storages()) {
      for (const [key, object] of api.store.list(storage)) this.#learn({ storage, key }, object);
    }
    for (const place of [...this.#objects.values()]) this.#settle(api, place);
  }

  react(api: Api, event: StoreEvent): void {
    const place = { storage: event.storage, key: event.key };
    const uid = event.object.metadata.uid ?? '';
    if (event.previous !== undefined) this.#forget(event.previous);
    if (event.type === 'DELETED') {
      this.#objects.delete(uid);
      for (const dependent of [...(this.#dependents.get(uid)?.values() ?? [])]) this.#settle(api, dependent);
      for (const owner of event.object.metadata.ownerReferences ?? []) this.#settleOwner(api, owner.uid);
      return;
    }
    this.#learn(place, event.object);
    this.#settle(api, place);
  }

  #learn(place: Place, object: KubeObject): void {
    const uid = object.metadata.uid ?? '';
    this.#objects.set(uid, place);
    for (const owner of object.metadata.ownerReferences ?? []) {
      const known = this.#dependents.get(owner.uid) ?? new Map<string, Place>();
      this.#dependents.set(owner.uid, known.set(uid, place));
    }
  }

  #forget(object: KubeObject): void {
    for (const owner of object.metadata.ownerReferences ?? []) {
      const known = this.#dependents.get(owner.uid);
      known?.delete(object.metadata.uid ?? '');
      if (known?.size === 0) this.#dependents.delete(owner.uid);
    }
  }

  #settleOwner(api: Api, uid: string): void {
    const place = this.#objects.get(uid);
    if (place !== undefined) this.#settle(api, place);
  }

  #settle(api: Api, place: Place): void {
    const object = api.store.get(place.storage, place.key);
    if (object === undefined) return;
    if (object.metadata.deletionTimestamp !== undefined) {
      const finalizers = object.metadata.finalizers ?? [];
      if (finalizers.includes('orphan')) this.#orphan(api, place, object);
      else if (finalizers.includes('foregroundDeletion')) this.#deleteDependents(api, place, object);
      return;
    }
    this.#collect(api, place, object);
  }

  /** Deletes an object none of whose owners is there. Owners in other namespaces count as absent. */
  #collect(api: Api, place: Place, object: KubeObject): void {
    const owners = object.metadata.ownerReferences ?? [];
    if (owners.length === 0) return;
    const found = owners.filter(owner => this.#owner(api, owner, object) !== undefined);
    if (found.length === owners.length) {
      const leaving = found.every(owner => isWaiting(this.#owner(api, owner, object)));
      if (leaving) this.#delete(api, place, object, 'Foreground');
      return;
    }
    if (found.length === 0) this.#delete(api, place, object, 'Background');
    else settleObject(api, place.storage, withMetadata(object, { ownerReferences: found }));
  }

  #owner(api: Api, reference: OwnerReference, dependent: KubeObject): KubeObject | undefined {
    const place = this.#objects.get(reference.uid);
    const owner = place === undefined ? undefined : api.store.get(place.storage, place.key);
    if (owner === undefined || owner.metadata.uid !== reference.uid) return undefined;
    const namespace = owner.metadata.namespace;
    return namespace === undefined || namespace === dependent.metadata.namespace ? owner : undefined;
  }

  #delete(api: Api, { storage }: Place, object: KubeObject, propagation: 'Background' | 'Foreground'): void {
    const kind = api.registry.ofStorage(storage);
    if (kind === undefined || object.metadata.deletionTimestamp !== undefined) return;
    const hasOwn = this.#dependents.has(object.metadata.uid ?? '');
    const none = { uid: '', resourceVersion: '', dryRun: false, gracePeriodSeconds: undefined };
    deleteObject(api, kind, object, { ...none, propagation: hasOwn ? propagation : 'Background' });
  }

  /** Dependents lose their reference to the owner; then the owner goes. */
  #orphan(api: Api, place: Place, owner: KubeObject): void {
    for (const dependent of [...(this.#dependents.get(owner.metadata.uid ?? '')?.values() ?? [])]) {
      const object = api.store.get(dependent.storage, dependent.key);
      if (object === undefined) continue;
      const rest = (object.metadata.ownerReferences ?? []).filter(
        reference => reference.uid !== owner.metadata.uid,
      );
      settleObject(
        api,
        dependent.storage,
        withMetadata(object, { ownerReferences: rest.length === 0 ? undefined : rest }),
      );
    }
    this.#release(api, place, owner, 'orphan');
  }

  /** The owner stays until no dependent that blocks it is left. */
  #deleteDependents(api: Api, place: Place, owner: KubeObject): void {
    const uid = owner.metadata.uid ?? '';
    let blocked = false;
    for (const dependent of [...(this.#dependents.get(uid)?.values() ?? [])]) {
      const object = api.store.get(dependent.storage, dependent.key);
      if (object === undefined) continue;
      this.#settle(api, dependent);
      const now = api.store.get(dependent.storage, dependent.key);
      const reference = now?.metadata.ownerReferences?.find(item => item.uid === uid);
      if (reference?.blockOwnerDeletion === true) blocked = true;
    }
    const now = api.store.get(place.storage, place.key);
    if (!blocked && now !== undefined) this.#release(api, place, now, 'foregroundDeletion');
  }

  #release(api: Api, place: Place, owner: KubeObject, finalizer: string): void {
    const rest = (owner.metadata.finalizers ?? []).filter(name => name !== finalizer);
    settleObject(
      api,
      place.storage,
      withMetadata(owner, { finalizers: rest.length === 0 ? undefined : rest }),
    );
  }
}

function isWaiting(owner: KubeObject | undefined): boolean {
  return (
    owner?.metadata.deletionTimestamp !== undefined &&
    owner.metadata.finalizers?.includes('foregroundDeletion') === true
  );
}
