import { ok, type Result } from '@muslin/net';
import type { Api } from '../api.ts';
import { fieldInvalid, fieldRequired } from '../field-error.ts';
import { at, isList, isObject, type JsonObject, textAt } from '../json.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import { type KubeObject, withMetadata } from '../kube-object.ts';
import { hasRules } from '../schema/cel.ts';
import { validate } from '../schema/validate.ts';
import { checkType, parseText } from '../serve/body.ts';
import { fieldValidationOf, readFields, withDefaults } from '../serve/intake.ts';
import { uidMoved } from '../serve/patch.ts';
import type { ApiRequest } from '../serve/request.ts';
import type { Route } from '../serve/route.ts';
import { createObject, UNCHECKED, updateObject, type WriteContext } from '../serve/write.ts';
import * as faults from '../status.ts';
import { badRequest, type Cause, failure, refuse, type Status } from '../status.ts';
import { difference, EMPTY, type FieldSet, intersection, isEmptySet, pathsOf, union } from './field-set.ts';
import { appliedFields, isEntryOf, type Manager, managersOf, ownable, wanted } from './managed-fields.ts';
import { compare, fieldsOf, mergeApplied, removeFields, typedFaults } from './typed-value.ts';

export interface Applied {
  readonly created: boolean;
  readonly object: KubeObject;
  readonly warnings: readonly string[];
}

/** Server-side apply (Kubernetes, Server-Side Apply): creates the object, or lays the configuration over it. */
export function applyObject(
  api: Api,
  kind: Kind,
  old: KubeObject | undefined,
  route: Route,
  request: ApiRequest,
  context: WriteContext,
): Result<Applied, Status> {
  if (!request.query.get('fieldManager')) {
    const subject = { group: 'meta.k8s.io', plural: '', kind: 'PatchOptions' };
    return refuse(
      faults.invalid(subject, '', [fieldRequired('fieldManager', 'is required for apply patch')]),
    );
  }
  const config = readConfiguration(kind, route, request);
  if (!config.ok) return config;
  const { warnings } = config.value;
  const object = ownDoor(kind, config.value.object, context.subresource);
  const applied = appliedFields(kind, object);
  const record = { ...context, applied };
  const moved = uidMoved(kind, old, object.metadata.uid, route.name);
  if (moved !== undefined) return refuse(moved);
  if (old === undefined) {
    const fresh = withMetadata(withDefaults(object, kind), { resourceVersion: undefined });
    const made = createObject(api, kind, fresh, record);
    return made.ok ? ok({ created: true, object: made.value, warnings }) : made;
  }
  const managers = managersOf(old);
  const self = managers.find(({ entry }) => isEntryOf(entry, kind, { ...record, time: '' }));
  const others = managers.filter(manager => manager !== self);
  const live = ownable(kind, old);
  const merged = mergeApplied(live, wanted(kind, object), kind.schema);
  if (request.query.get('force') !== 'true') {
    const changed = compare(live, merged, kind.schema).changed;
    const free = record.manager === 'kubectl' ? lastAppliedFields(kind, old) : EMPTY;
    const fault = conflictFault(others, difference(changed, free));
    if (fault !== undefined) return refuse(fault);
  }
  const kept = others.reduce<FieldSet>((all, { fields }) => union(all, fields), EMPTY);
  const dropped = difference(difference(self?.fields ?? EMPTY, applied), kept);
  const left = removeFields(merged, dropped, kept, kind.schema, applied);
  const content = isObject(left) ? left : {};
  const emptied = kind.builtIn ? [] : emptiedFaults(kind, old, content, context.subresource);
  if (emptied.length > 0) return refuse(faults.invalid(kind, route.name, emptied));
  const metadata = { ...old.metadata, ...precondition(object), ...without(content['metadata']) };
  const next = withDefaults(
    stored(kind, { ...content, metadata: pruneMetadata(metadata, content['metadata']) }),
    kind,
  );
  const written = updateObject(api, kind, old, next, record);
  return written.ok ? ok({ created: false, object: written.value, warnings }) : written;
}

/** A map that an apply emptied is null, and stays so: defaults are filled in where a body is read, not here. */
function emptiedFaults(
  kind: Kind,
  old: KubeObject,
  content: JsonObject,
  subresource: string,
): readonly Cause[] {
  const { name } = old.metadata;
  const { metadata: _own, ...rest } = content;
  const breaches = validate(
    { ...rest, kind: kind.kind, apiVersion: apiVersionOf(kind), metadata: { name } },
    kind.schema,
  );
  const nulls = breaches
    .filter(({ message }) => message.endsWith('of type object: "null"'))
    // Through its own door status is all there is, and has no name.
    .map(cause =>
      subresource === 'status'
        ? { ...cause, message: cause.message.replace(/: status\.?([^:]*) in body/, ': $1 in body') }
        : cause,
    );
  if (nulls.length === 0) return [];
  return hasRules(kind.schema) ? [...nulls, fieldInvalid('<nil>', null, UNCHECKED)] : nulls;
}

/** Status only counts on its own subresource, and there nothing else does. */
function ownDoor(kind: Kind, object: KubeObject, subresource: string): KubeObject {
  if (!kind.hasStatus) return object;
  const { status, metadata, ...rest } = object;
  if (subresource !== 'status') return { ...rest, metadata };
  return { metadata, ...(status === undefined ? {} : { status }) };
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Fields that client-side apply set and nobody changed since: `kubectl apply --server-side` takes them over
 * without a conflict (Kubernetes, Server-Side Apply, Upgrading from client-side apply).
 */
function lastAppliedFields(kind: Kind, old: KubeObject): FieldSet {
  const parsed = parseText(old.metadata.annotations?.[LAST_APPLIED] ?? '', false);
  if (!parsed.ok || !isObject(parsed.value)) return EMPTY;
  const read = readFields(parsed.value, kind, 'Ignore');
  if (!read.ok) return EMPTY;
  const config = wanted(kind, read.value.object);
  const { changed, removed } = compare(config, ownable(kind, old), kind.schema);
  return difference(fieldsOf(config, kind.schema), union(changed, removed));
}

function without(metadata: unknown): KubeObject['metadata'] {
  return isObject(metadata as never) ? (metadata as KubeObject['metadata']) : {};
}

/** Metadata that may be owned, and is not in the result any more, is gone. */
function pruneMetadata(metadata: KubeObject['metadata'], content: unknown): KubeObject['metadata'] {
  const own = without(content);
  const entries = Object.entries(metadata).filter(
    ([name]) => !['labels', 'annotations', 'finalizers', 'ownerReferences'].includes(name) || name in own,
  );
  return Object.fromEntries(entries);
}

function precondition(object: KubeObject): KubeObject['metadata'] {
  const { resourceVersion, uid } = object.metadata;
  return { ...(resourceVersion ? { resourceVersion } : {}), ...(uid ? { uid } : {}) };
}

function stored(kind: Kind, object: KubeObject): KubeObject {
  return kind.translate?.toStored(object) ?? object;
}

function readConfiguration(kind: Kind, route: Route, request: ApiRequest): ReturnType<typeof readFields> {
  const parsed = parseText(request.body, true);
  if (!parsed.ok) return refuse(badRequest(`error decoding YAML: ${parsed.fault}`));
  const body = parsed.value ?? {};
  if (!isObject(body)) {
    const type = isList(body) ? 'array' : typeof body === 'boolean' ? 'bool' : typeof body;
    const why = `json: cannot unmarshal ${type} into Go value of type map[string]interface {}`;
    return refuse(badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${why}`));
  }
  const [given, version] = [textAt(body, 'kind'), textAt(body, 'apiVersion')];
  if (
    given === '' ||
    version === '' ||
    (!kind.builtIn && (given !== kind.kind || version !== apiVersionOf(kind)))
  ) {
    const type = version.includes('/') ? version : `/${version}`;
    return refuse(badRequest(`invalid object type: ${type}, Kind=${given}`));
  }
  if (at(body, 'metadata', 'managedFields') !== undefined && at(body, 'metadata', 'managedFields') !== null) {
    return refuse(badRequest('metadata.managedFields must be nil'));
  }
  const typed = checkType(body, kind);
  if (!typed.ok) return typed;
  if (!kind.builtIn) {
    const faultsOfType = typedFaults(body, kind.schema);
    if (faultsOfType.length > 0) {
      const where = kind.namespaced ? `${route.namespace}/${route.name}` : `/${route.name}`;
      const all = faultsOfType.length === 1 ? faultsOfType[0] : `errors:\n  ${faultsOfType.join('\n  ')}`;
      const subject = `${where}; ${version}, Kind=${given}`;
      return refuse(faults.internalError(`failed to create typed patch object (${subject}): ${all}`));
    }
  }
  const taken = readFields(body, kind, fieldValidationOf(request.query));
  if (!taken.ok) return taken;
  const { name = route.name, namespace = route.namespace } = taken.value.object.metadata;
  if (name !== route.name) {
    return refuse(
      badRequest(`the name of the object (${name}) does not match the name on the URL (${route.name})`),
    );
  }
  if (kind.namespaced && namespace !== route.namespace) {
    return refuse(
      badRequest('the namespace of the provided object does not match the namespace sent on the request'),
    );
  }
  const placed = withMetadata(taken.value.object, {
    name,
    namespace: kind.namespaced ? route.namespace : undefined,
  });
  return ok({ object: placed, warnings: taken.value.warnings });
}

/** Fields that others own and this configuration would change. */
function conflictFault(others: readonly Manager[], changed: FieldSet): Status | undefined {
  const found = others.flatMap(({ entry, fields }) => {
    const both = intersection(fields, changed);
    return isEmptySet(both) ? [] : pathsOf(both).map(path => ({ who: describe(entry), path }));
  });
  const [first] = found;
  if (first === undefined) return undefined;
  const causes = found.map(({ who, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${who}`,
    field: path,
  }));
  if (found.length === 1) {
    return failure(
      409,
      'Conflict',
      `Apply failed with 1 conflict: conflict with ${first.who}: ${first.path}`,
      { causes },
    );
  }
  const managers = [...new Set(found.map(({ who }) => who))].sort();
  const lines = managers.flatMap(who => [
    `conflicts with ${who}:`,
    ...found.filter(item => item.who === who).map(({ path }) => `- ${path}`),
  ]);
  return failure(409, 'Conflict', `Apply failed with ${found.length} conflicts: ${lines.join('\n')}`, {
    causes,
  });
}

function describe(entry: Manager['entry']): string {
  const name = JSON.stringify(entry.manager);
  const via =
    entry.subresource === undefined ? name : `${name} with subresource ${JSON.stringify(entry.subresource)}`;
  return entry.operation === 'Update' ? `${via} using ${entry.apiVersion}` : via;
}
