import { ok, type Result } from '@muslin/net';
import { type Api, surroundingsOf } from '../api.ts';
import type { FieldSet } from '../apply/field-set.ts';
import { recordWrite } from '../apply/managed-fields.ts';
import { fieldInvalid } from '../field-error.ts';
import { sameJson } from '../json.ts';
import type { Kind } from '../kinds/kind.ts';
import { withTypeMeta } from '../kinds/stored-form.ts';
import { type KubeObject, type Metadata, timeText, withMetadata } from '../kube-object.ts';
import { checkValidations } from '../schema/cel.ts';
import { validate } from '../schema/validate.ts';
import * as faults from '../status.ts';
import { type Cause, refuse, type Status } from '../status.ts';
import { keyOf } from '../store/store.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata-check.ts';

/** Who writes through what; decides managedFields and what is really stored. */
export interface WriteContext {
  readonly manager: string;
  readonly operation: 'Update' | 'Apply';
  /** '' for the object itself. */
  readonly subresource: string;
  readonly dryRun: boolean;
  /** Apply only: the fields of the applied configuration. */
  readonly applied?: FieldSet;
}

const BLOCKING = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const UNCHECKED =
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
  if (given.resourceVersion)
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
      resourceVersion: undefined,
      selfLink: undefined,
    },
  );
  if (!kind.hasGeneration) fresh = withMetadata(fresh, { generation: undefined });
  fresh = kind.strategy.create?.(fresh, surroundings) ?? fresh;
  fresh = kind.strategy.complete?.(fresh) ?? fresh;
  const causes = [...checkMetadata(fresh, kind), ...checkObject(kind, fresh, undefined, api)];
  if (causes.length > 0) return refuse(faults.invalid(kind, name, causes));
  const key = keyOf(given.namespace ?? '', name);
  if (api.store.get(kind.storage, key) !== undefined) return refuse(faults.alreadyExists(kind, name));
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

/** Schema, rules and strategy. The real server skips rules when the object's shape is broken, and says so. */
function checkObject(
  kind: Kind,
  object: KubeObject,
  old: KubeObject | undefined,
  api: Api,
): readonly Cause[] {
  const surroundings = surroundingsOf(api);
  const own = [
    ...(kind.strategy.validate?.(object, surroundings) ?? []),
    ...(old === undefined ? [] : (kind.strategy.validateUpdate?.(object, old) ?? [])),
  ];
  if (kind.builtIn) return own;
  const whole = withTypeMeta(kind, object);
  const before = old === undefined ? undefined : withTypeMeta(kind, old);
  const shape = validate(whole, kind.schema, '', before);
  const blocked = shape.some(cause => BLOCKING.has(cause.reason));
  const rules = blocked
    ? [fieldInvalid('<nil>', null, UNCHECKED)]
    : checkValidations(whole, before, kind.schema);
  return [...shape, ...rules, ...own];
}

/**
 * Stores a changed object over `old`. `next` is in stored form with defaults. A write that changes nothing is
 * answered with what is there: no new resourceVersion, no event.
 */
export function updateObject(
  api: Api,
  kind: Kind,
  old: KubeObject,
  next: KubeObject,
  context: WriteContext,
): Result<KubeObject, Status> {
  const name = old.metadata.name ?? '';
  const { resourceVersion, uid } = next.metadata;
  if (uid !== undefined && uid !== '' && uid !== old.metadata.uid) {
    const key = `/registry/${kind.plural}/${old.metadata.namespace === undefined ? '' : `${old.metadata.namespace}/`}${name}`;
    const why =
      `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ` +
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`;
    return refuse(faults.conflict(kind, name, why));
  }
  if (resourceVersion && resourceVersion !== '0' && resourceVersion !== old.metadata.resourceVersion) {
    return refuse(faults.conflict(kind, name, faults.MODIFIED_MEANWHILE));
  }
  const merged = settle(api, kind, old, next, context.subresource);
  const causes = [
    ...checkMetadataUpdate(merged, old),
    ...checkMetadata(merged, kind),
    ...checkObject(kind, merged, old, api),
  ];
  if (causes.length > 0) return refuse(faults.invalid(kind, name, causes));
  const counted = countGeneration(kind, merged, old);
  const recorded = recordWrite(kind, counted, old, { ...context, time: timeText(api.now()) });
  if (sameJson(recorded, old)) return ok(old);
  if (context.dryRun) return ok(recorded);
  const key = keyOf(old.metadata.namespace ?? '', name);
  if (isFinished(recorded)) return ok(api.store.remove(kind.storage, key, recorded) ?? recorded);
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
