import { ok, type Result } from '@muslin/net';
import { type Api, surroundingsOf } from '../api.ts';
import type { FieldSet } from '../apply/field-set.ts';
import { recordWrite } from '../apply/managed-fields.ts';
import { fieldInvalid } from '../field-error.ts';
import { type JsonObject, sameJson } from '../json.ts';
import type { Kind } from '../kinds/kind.ts';
import { fromStored, withTypeMeta } from '../kinds/stored-form.ts';
import { type KubeObject, type Metadata, timeText, withMetadata } from '../kube-object.ts';
import { checkValidations, hasRules } from '../schema/cel.ts';
import { applyDefaults } from '../schema/default.ts';
import { checkListTypes } from '../schema/list-type.ts';
import { validate } from '../schema/validate.ts';
import * as faults from '../status.ts';
import { type Cause, refuse, type Status } from '../status.ts';
import { keyOf } from '../store/store.ts';
import { checkMetadata, checkMetadataUpdate, finalizerWarnings } from './metadata-check.ts';

/** Who writes through what; decides managedFields and what is really stored. */
export interface WriteContext {
  readonly manager: string;
  readonly operation: 'Update' | 'Apply';
  /** '' for the object itself. */
  readonly subresource: string;
  readonly dryRun: boolean;
  /** Apply only: the fields of the applied configuration. */
  readonly applied?: FieldSet;
  /** Told what is taken, and had better be otherwise. */
  readonly warn?: (text: string) => void;
}

const BLOCKING = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
/** What is said instead of the breaches of rules. */
export const UNCHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

/** Stores a new object. `object` is in stored form with defaults, and has its namespace. */
export function createObject(
  api: Api,
  kind: Kind,
  object: KubeObject,
  context: WriteContext,
): Result<KubeObject, Status> {
  const surroundings = surroundingsOf(api);
  const given = object.metadata;
  if (given.resourceVersion && !context.dryRun)
    return refuse(faults.internalError('resourceVersion should not be set on objects to be created'));
  const generated = given.name === undefined && given.generateName !== undefined;
  const name = generated ? `${String(given.generateName).slice(0, 58)}${suffix(api)}` : (given.name ?? '');
  const namespaceFault = checkNamespace(api, kind, given.namespace ?? '', name);
  if (namespaceFault !== undefined) return refuse(namespaceFault);
  const metadata: Metadata = {
    ...given,
    ...(name === '' ? {} : { name }),
    uid: api.uuid(),
    creationTimestamp: timeText(api.now()),
    ...(kind.hasGeneration ? { generation: 1 } : {}),
  };
  let fresh = withMetadata(
    { ...object, metadata },
    {
      deletionTimestamp: undefined,
      deletionGracePeriodSeconds: undefined,
      ...(context.dryRun ? {} : { resourceVersion: undefined }),
      selfLink: undefined,
    },
  );
  if (!kind.hasGeneration) fresh = withMetadata(fresh, { generation: undefined });
  fresh = kind.strategy.create?.(fresh, surroundings) ?? fresh;
  fresh = kind.strategy.complete?.(fresh) ?? fresh;
  fresh = withOwnersOnce(fresh, kind, context);
  const causes = checkObject(kind, fresh, undefined, checkMetadata(fresh, kind), api, context);
  if (causes.length > 0) return refuse(faults.invalid(kind, name, causes));
  for (const text of finalizerWarnings(fresh, undefined, kind)) context.warn?.(text);
  fresh = inStorage(kind, fresh);
  const key = keyOf(given.namespace ?? '', name);
  const there = api.store.get(kind.storage, key);
  if (there !== undefined)
    return refuse(faults.alreadyExists(kind, name, there.metadata.deletionTimestamp !== undefined));
  fresh = recordWrite(kind, fresh, undefined, { ...context, time: timeText(api.now()) });
  return ok(context.dryRun ? fresh : api.store.put(kind.storage, key, fresh));
}

/** Five characters, as apiserver's names.SimpleNameGenerator: no vowels, no look-alikes. */
function suffix(api: Api): string {
  const letters = 'bcdfghjklmnpqrstvwxz2456789';
  return Array.from({ length: 5 }, () => letters[Math.floor(api.random() * letters.length)]).join('');
}

/** Admission plugin NamespaceLifecycle: no content for a missing or leaving namespace. */
function checkNamespace(api: Api, kind: Kind, namespace: string, name: string): Status | undefined {
  if (!kind.namespaced) return undefined;
  const found = api.store.get('/namespaces', keyOf('', namespace));
  if (found === undefined)
    return faults.notFound({ group: '', plural: 'namespaces', kind: 'Namespace' }, namespace);
  if (found.metadata.deletionTimestamp === undefined) return undefined;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  };
  return faults.forbidden(kind, name, why, [cause]);
}

/**
 * Metadata, schema, rules and strategy. The real server skips rules when the object's shape is broken, and says so; the schema of
 * an object of another kind is not asked at all.
 */
function checkObject(
  kind: Kind,
  object: KubeObject,
  old: KubeObject | undefined,
  metadata: readonly Cause[],
  api: Api,
  context: WriteContext,
): readonly Cause[] {
  const surroundings = surroundingsOf(api);
  const own = [
    ...(kind.strategy.validate?.(object, surroundings) ?? []),
    ...(old === undefined ? [] : (kind.strategy.validateUpdate?.(object, old) ?? [])),
  ];
  if (kind.builtIn) return [...metadata, ...own];
  const whole = checkedPart(kind, object);
  const before = old === undefined ? undefined : checkedPart(kind, old);
  const twice = (value: JsonObject) => checkListTypes(value, kind.schema);
  const shape = [
    ...metadata,
    ...(context.subresource === 'status'
      ? statusBreaches(kind, whole, before)
      : validate(whole, kind.schema, '', before)),
    ...(before !== undefined && twice(before).length > 0 ? [] : twice(whole)),
  ];
  if (!hasRules(kind.schema)) return [...shape, ...own];
  if (shape.some(cause => BLOCKING.has(cause.reason)))
    return [...shape, fieldInvalid('<nil>', null, UNCHECKED), ...own];
  const breaches = checkValidations(whole, before, kind.schema);
  for (const { cause, tolerated } of breaches)
    if (tolerated) context.warn?.(`${cause.field}: ${cause.message}`);
  return [...shape, ...breaches.flatMap(({ cause, tolerated }) => (tolerated ? [] : [cause])), ...own];
}

/** A write of status is held to the schema of status alone, which speaks of fields as if status were all. */
function statusBreaches(kind: Kind, object: KubeObject, old: KubeObject | undefined): readonly Cause[] {
  const schema = kind.schema.properties?.['status'];
  const status = object['status'];
  if (schema === undefined || status === undefined) return [];
  const breaches = validate(status, schema, '', old?.['status']);
  return breaches.map(cause => ({
    ...cause,
    field: cause.field === '<nil>' ? 'status' : `status.${cause.field}`,
  }));
}

/** Of metadata a definition may only speak of names (CRD docs, "Specifying a structural schema"). */
function checkedPart(kind: Kind, object: KubeObject): KubeObject {
  const { name, generateName } = object.metadata;
  const metadata = {
    ...(name !== undefined && { name }),
    ...(generateName !== undefined && { generateName }),
  };
  return { ...withTypeMeta(kind, object), metadata };
}

/** A custom object as its storage version keeps it: with the defaults of that version too. */
function inStorage(kind: Kind, object: KubeObject): KubeObject {
  return kind.storageSchema === undefined
    ? object
    : (applyDefaults(object, kind.storageSchema) as KubeObject);
}

/** An owner that is named twice counts once. */
function withOwnersOnce(object: KubeObject, kind: Kind, { warn }: WriteContext): KubeObject {
  const owners = object.metadata.ownerReferences ?? [];
  const once = owners.filter((owner, i) => owners.findIndex(other => sameJson(other, owner)) === i);
  if (kind.builtIn || once.length === owners.length) return object;
  const twice = [...new Set(owners.filter(owner => !once.includes(owner)).map(({ uid }) => uid))].join(', ');
  warn?.(
    '.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such ' +
      `requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${twice}`,
  );
  return withMetadata(object, { ownerReferences: once });
}

/**
 * Stores a changed object over `stored`. `next` is in stored form with defaults. A write that changes nothing is
 * answered with what is there: no new resourceVersion, no event.
 */
export function updateObject(
  api: Api,
  kind: Kind,
  stored: KubeObject,
  next: KubeObject,
  context: WriteContext,
): Result<KubeObject, Status> {
  const old = kind.builtIn ? stored : fromStored(kind, stored);
  const name = old.metadata.name ?? '';
  const { resourceVersion, uid } = next.metadata;
  if (uid !== undefined && uid !== '' && uid !== old.metadata.uid) {
    const folder = kind.builtIn ? kind.plural : `apiextensions.kubernetes.io/${kind.group}/${kind.plural}`;
    const key = `/registry/${folder}/${old.metadata.namespace === undefined ? '' : `${old.metadata.namespace}/`}${name}`;
    const why =
      `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ` +
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`;
    return refuse(faults.conflict(kind, name, why));
  }
  if (resourceVersion && resourceVersion !== '0' && resourceVersion !== old.metadata.resourceVersion) {
    return refuse(faults.conflict(kind, name, faults.MODIFIED_MEANWHILE));
  }
  const merged = withOwnersOnce(settle(api, kind, old, next, context.subresource), kind, context);
  const metadata = [...checkMetadataUpdate(next, merged, old), ...checkMetadata(merged, kind)];
  // The real server's registry asks about metadata, and then its strategy, which asks twice what a label may be.
  const causes = [
    ...metadata,
    ...checkObject(kind, merged, old, metadata, api, context),
    ...checkMetadata(merged, kind),
  ];
  if (causes.length > 0) return refuse(faults.invalid(kind, name, causes));
  for (const text of finalizerWarnings(merged, old, kind)) context.warn?.(text);
  const counted = countGeneration(kind, inStorage(kind, merged), old);
  const recorded = recordWrite(kind, counted, old, { ...context, time: timeText(api.now()) });
  if (sameJson(recorded, stored)) return ok(stored);
  if (context.dryRun) return ok(recorded);
  const key = keyOf(old.metadata.namespace ?? '', name);
  if (isFinished(recorded)) {
    api.store.remove(kind.storage, key, recorded);
    // It was never written so, hence the revision of the last write.
    return ok(withMetadata(recorded, { resourceVersion: stored.metadata.resourceVersion }));
  }
  return ok(api.store.put(kind.storage, key, recorded));
}

/** Whether a deleted object has nothing left that keeps it. */
export function isFinished(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers = [] } = object.metadata;
  const waits = namespaceFinalizers(object) > 0;
  return (
    deletionTimestamp !== undefined &&
    (deletionGracePeriodSeconds ?? 0) === 0 &&
    finalizers.length === 0 &&
    !waits
  );
}

/** Namespaces have finalizers in spec too (Namespace v1 spec.finalizers). */
function namespaceFinalizers(object: KubeObject): number {
  const spec = object['spec'];
  if (typeof spec !== 'object' || spec === null || !('finalizers' in spec)) return 0;
  return Array.isArray(spec['finalizers']) && object.metadata.namespace === undefined
    ? spec['finalizers'].length
    : 0;
}

const KEPT = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'generateName',
  'generation',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'resourceVersion',
] as const;

/** What the write may change: the system's metadata stays, and status and the rest each have their own door. */
function settle(api: Api, kind: Kind, old: KubeObject, next: KubeObject, subresource: string): KubeObject {
  const kept = Object.fromEntries(KEPT.map(field => [field, old.metadata[field]]));
  const stamped = withMetadata(next, kept);
  if (subresource === 'status') {
    const metadata = kind.builtIn
      ? stamped.metadata
      : {
          ...old.metadata,
          ...(next.metadata.managedFields === undefined
            ? {}
            : { managedFields: next.metadata.managedFields }),
        };
    const status = stamped['status'];
    const { status: _old, ...rest } = old;
    return { ...rest, metadata, ...(status === undefined ? {} : { status }) };
  }
  if (subresource === 'finalize') return { ...old, metadata: old.metadata, spec: stamped['spec'] };
  if (!kind.hasStatus) return kind.strategy.update?.(stamped, old, surroundingsOf(api)) ?? stamped;
  const { status: _new, ...rest } = stamped;
  const base = {
    ...rest,
    metadata: stamped.metadata,
    ...(old['status'] === undefined ? {} : { status: old['status'] }),
  };
  return kind.strategy.update?.(base, old, surroundingsOf(api)) ?? base;
}

/** metadata.generation counts changes of everything but metadata and status. */
function countGeneration(kind: Kind, next: KubeObject, old: KubeObject): KubeObject {
  if (!kind.hasGeneration) return next;
  const essence = (object: KubeObject) => {
    const { metadata: _metadata, status, ...rest } = object;
    return kind.hasStatus ? rest : { ...rest, status };
  };
  const changed = !sameJson(essence(next), essence(old));
  return changed ? withMetadata(next, { generation: (old.metadata.generation ?? 0) + 1 }) : next;
}
