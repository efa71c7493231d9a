import { ok, type Result } from '@muslin/net';
import type { Api } from '../api.ts';
import { at, type JsonObject, objectAt, textAt } from '../json.ts';
import type { Kind } from '../kinds/kind.ts';
import { type KubeObject, timeText, withMetadata } from '../kube-object.ts';
import * as faults from '../status.ts';
import { refuse, type Status } from '../status.ts';
import { keyOf } from '../store/store.ts';
import { isFinished } from './write.ts';

/** DeleteOptions v1 meta. */
export interface DeleteOptions {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagation: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly dryRun: boolean;
}

/** Options come in the body, and some also as parameters; the body wins. */
export function readDeleteOptions(body: JsonObject, query: URLSearchParams): DeleteOptions {
  const grace = at(body, 'gracePeriodSeconds') ?? query.get('gracePeriodSeconds');
  const orphan =
    at(body, 'orphanDependents') ?? (query.get('orphanDependents') === 'true' ? true : undefined);
  const policy =
    textAt(body, 'propagationPolicy') || query.get('propagationPolicy') || (orphan === true ? 'Orphan' : '');
  const dryRun = Array.isArray(body['dryRun']) ? body['dryRun'].length > 0 : query.has('dryRun');
  return {
    gracePeriodSeconds: grace === null || grace === undefined || grace === '' ? undefined : Number(grace),
    propagation:
      policy === 'Background' || policy === 'Foreground' || policy === 'Orphan' ? policy : undefined,
    uid: textAt(body, 'preconditions', 'uid'),
    resourceVersion: textAt(body, 'preconditions', 'resourceVersion'),
    dryRun,
  };
}

/** How a deletion ended: the object is gone, or stays a while and is shown as it is now. */
export interface Deletion {
  readonly gone: boolean;
  readonly object: KubeObject;
}

/** Deletes an object, or marks it when a grace period or a finalizer keeps it. */
export function deleteObject(
  api: Api,
  kind: Kind,
  old: KubeObject,
  options: DeleteOptions,
): Result<Deletion, Status> {
  const name = old.metadata.name ?? '';
  const refused = checkPreconditions(kind, old, options);
  if (refused !== undefined) return refuse(refused);
  const marked = mark(api, kind, old, options);
  if (isFinished(marked)) {
    const key = keyOf(old.metadata.namespace ?? '', name);
    return ok({
      gone: true,
      object: options.dryRun ? old : (api.store.remove(kind.storage, key, old) ?? old),
    });
  }
  if (options.dryRun || marked === old) return ok({ gone: false, object: marked });
  return ok({
    gone: false,
    object: api.store.put(kind.storage, keyOf(old.metadata.namespace ?? '', name), marked),
  });
}

function checkPreconditions(
  kind: Kind,
  old: KubeObject,
  { uid, resourceVersion }: DeleteOptions,
): Status | undefined {
  const name = old.metadata.name ?? '';
  if (uid !== '' && uid !== old.metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${old.metadata.uid}). The object might have been deleted and then recreated`;
    return faults.conflict(kind, name, why, 'kind');
  }
  if (resourceVersion !== '' && resourceVersion !== old.metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${old.metadata.resourceVersion}). The object might have been modified`;
    return faults.conflict(kind, name, why, 'kind');
  }
  return undefined;
}

/** The object as being deleted; the same object when it already was and nothing changes. */
function mark(api: Api, kind: Kind, old: KubeObject, options: DeleteOptions): KubeObject {
  const finalizers = finalizersFor(old, options.propagation);
  const grace = graceOf(kind, old, options);
  const { deletionTimestamp, deletionGracePeriodSeconds: before } = old.metadata;
  if (deletionTimestamp !== undefined) {
    const shorter = grace < (before ?? 0) ? grace : (before ?? 0);
    const same = finalizers.length === (old.metadata.finalizers ?? []).length && shorter === before;
    return same ? old : withMetadata(old, { deletionGracePeriodSeconds: shorter, ...listOf(finalizers) });
  }
  const marked = withMetadata(old, {
    deletionTimestamp: timeText(new Date(api.now().getTime() + grace * 1000)),
    deletionGracePeriodSeconds: grace,
    ...(old.metadata.generation === undefined ? {} : { generation: old.metadata.generation + 1 }),
    ...listOf(finalizers),
  });
  if (kind.storage !== '/namespaces') return marked;
  return { ...marked, status: { ...objectAt(old, 'status'), phase: 'Terminating' } };
}

function listOf(finalizers: readonly string[]): { readonly finalizers: readonly string[] | undefined } {
  return { finalizers: finalizers.length === 0 ? undefined : finalizers };
}

/** Foreground and orphan deletion are finalizers that the garbage collector works off. */
function finalizersFor(old: KubeObject, propagation: DeleteOptions['propagation']): readonly string[] {
  const own = old.metadata.finalizers ?? [];
  if (propagation === undefined) return own;
  const rest = own.filter(finalizer => finalizer !== 'foregroundDeletion' && finalizer !== 'orphan');
  if (propagation === 'Foreground') return [...rest, 'foregroundDeletion'];
  return propagation === 'Orphan' ? [...rest, 'orphan'] : rest;
}

/** Only pods on a node linger: the kubelet confirms the end with grace 0 (Kubernetes, Pod Lifecycle). */
function graceOf(kind: Kind, old: KubeObject, options: DeleteOptions): number {
  if (kind.storage !== '/pods') return 0;
  const phase = textAt(old, 'status', 'phase');
  if (textAt(old, 'spec', 'nodeName') === '' || phase === 'Succeeded' || phase === 'Failed') return 0;
  const own = at(old, 'spec', 'terminationGracePeriodSeconds');
  return Math.max(0, options.gracePeriodSeconds ?? (typeof own === 'number' ? own : 30));
}

/** What DELETE answers when the object is gone. */
export function deletedStatus(kind: Kind, object: KubeObject): JsonObject {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: object.metadata.name,
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.plural,
      uid: object.metadata.uid,
    },
  };
}
