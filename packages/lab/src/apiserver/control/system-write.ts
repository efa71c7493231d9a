import type { Api } from '../api.ts';
import type { Kind } from '../kinds/kind.ts';
import type { KubeObject } from '../kube-object.ts';
import { withDefaults } from '../serve/intake.ts';
import { createObject, isFinished } from '../serve/write.ts';
import { keyOf } from '../store/store.ts';

/** Creates an object as a controller would; one that is there already, or has no place, is left alone. */
export function createQuietly(api: Api, kind: Kind, object: KubeObject, manager: string): void {
  const context = { manager, operation: 'Update', subresource: '', dryRun: false } as const;
  createObject(api, kind, withDefaults(object, kind), context);
}

/** Stores a changed object, or removes it when nothing keeps it any more. */
export function settleObject(api: Api, storage: string, object: KubeObject): void {
  const key = keyOf(object.metadata.namespace ?? '', object.metadata.name ?? '');
  if (isFinished(object)) api.store.remove(storage, key, object);
  else api.store.put(storage, key, object);
}
