import type { Api } from '../api.ts';
import { objectAt, textAt } from '../json.ts';
import { hasCondition } from '../kinds/custom-kind.ts';
import { CLEANUP_FINALIZER, customResourceDefinition } from '../kinds/custom-resource-definition.ts';
import { type KubeObject, timeText, withMetadata } from '../kube-object.ts';
import { deleteObject } from '../serve/delete.ts';
import { keyOf } from '../store/store.ts';
import type { Controller } from './controller.ts';
import { settleObject } from './system-write.ts';

const { storage } = customResourceDefinition;

/** Establishes definitions, and removes the objects of those that are being deleted (apiextensions controllers). */
export const definitionLife: Controller = {
  start(api) {
    for (const [, object] of api.store.list(storage)) settle(api, object);
  },
  react(api, event) {
    if (event.storage === storage) {
      const now = api.store.get(storage, event.key);
      if (now !== undefined) settle(api, now);
      return;
    }
    if (event.type !== 'DELETED') return;
    const [group, plural] = event.storage.split('/') as [string, string];
    const definition = api.store.get(storage, keyOf('', `${plural}.${group}`));
    if (definition?.metadata.deletionTimestamp !== undefined) settle(api, definition);
  },
};

function settle(api: Api, definition: KubeObject): void {
  if (definition.metadata.deletionTimestamp !== undefined) {
    cleanUp(api, definition);
    return;
  }
  const names = objectAt(definition, 'spec', 'names');
  const accepted = JSON.stringify(objectAt(definition, 'status', 'acceptedNames')) === JSON.stringify(names);
  if (hasCondition(definition, 'Established') && accepted) return;
  const time = timeText(api.now());
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: 'True',
    lastTransitionTime: time,
    reason,
    message,
  });
  const status = {
    ...objectAt(definition, 'status'),
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
    ],
    acceptedNames: names,
  };
  api.store.put(storage, keyOf('', definition.metadata.name ?? ''), { ...definition, status });
}

function cleanUp(api: Api, definition: KubeObject): void {
  const place = `${textAt(definition, 'spec', 'group')}/${textAt(definition, 'spec', 'names', 'plural')}`;
  const kind = api.registry.ofStorage(place);
  for (const [, object] of api.store.list(place)) {
    if (kind === undefined || object.metadata.deletionTimestamp !== undefined) continue;
    const none = { uid: '', resourceVersion: '', dryRun: false, gracePeriodSeconds: undefined };
    deleteObject(api, kind, object, { ...none, propagation: 'Background' });
  }
  if (kind !== undefined && api.store.count(place) > 0) return;
  const finalizers = (definition.metadata.finalizers ?? []).filter(
    finalizer => finalizer !== CLEANUP_FINALIZER,
  );
  if (finalizers.length === definition.metadata.finalizers?.length) return;
  settleObject(
    api,
    storage,
    withMetadata(definition, { finalizers: finalizers.length === 0 ? undefined : finalizers }),
  );
}
