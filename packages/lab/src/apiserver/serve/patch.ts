import { formatJson, ok, type Result } from '@muslin/net';
import type { Api } from '../api.ts';
import { fieldInvalid } from '../field-error.ts';
import { isList, isObject, type Json, type JsonObject, textAt } from '../json.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import { fromStored, withTypeMeta } from '../kinds/stored-form.ts';
import type { KubeObject } from '../kube-object.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { applyMergePatch } from '../patch/merge-patch.ts';
import { applyStrategicMergePatch } from '../patch/strategic-merge-patch.ts';
import * as faults from '../status.ts';
import { badRequest, failure, refuse, type Status } from '../status.ts';
import { checkType, mediaType, parseText, unsupportedMedia } from './body.ts';
import { fieldValidationOf, type Taken, takeIn } from './intake.ts';
import type { ApiRequest } from './request.ts';
import { updateObject, type WriteContext } from './write.ts';

/** The media types of patches. */
export const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;
export type PatchType = (typeof PATCH_TYPES)[number];

/** The patch's media type, or why the kind does not take it. Custom kinds know no strategic merge. */
export function patchTypeOf(request: ApiRequest, kind: Kind): Result<PatchType, Status> {
  const type = mediaType(request);
  const known = PATCH_TYPES.find(name => name === type);
  if (kind.builtIn && known === undefined)
    return refuse(failure(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {}));
  if (known === undefined || (!kind.builtIn && known === 'application/strategic-merge-patch+json')) {
    return refuse(unsupportedMedia(PATCH_TYPES.filter(name => !name.includes('strategic')).join(', ')));
  }
  return ok(known);
}

/** The patched object in stored form, and the write that makes it so. */
export function patchObject(
  api: Api,
  kind: Kind,
  old: KubeObject,
  request: ApiRequest,
  type: Exclude<PatchType, 'application/apply-patch+yaml'>,
  context: WriteContext,
): Result<{ readonly object: KubeObject; readonly warnings: readonly string[] }, Status> {
  const parsed = parseText(request.body, false);
  if (!parsed.ok) return refuse(badRequest(`error decoding patch: ${parsed.fault}`));
  const before = withTypeMeta(kind, fromStored(kind, old));
  const patched = applyPatch(type, before, parsed.value, kind);
  if (!patched.ok) return patched;
  if (!isObject(patched.value)) return refuse(badRequest('the patch does not leave an object'));
  const taken = takePatched(patched.value, kind, old, request);
  if (!taken.ok) return taken;
  const written = updateObject(api, kind, old, taken.value.object, context);
  return written.ok ? ok({ object: written.value, warnings: taken.value.warnings }) : written;
}

function takePatched(
  patched: JsonObject,
  kind: Kind,
  old: KubeObject,
  request: ApiRequest,
): Result<Taken, Status> {
  const given = textAt(patched, 'apiVersion');
  if (!kind.builtIn && given !== apiVersionOf(kind)) {
    const cause = fieldInvalid('apiVersion', given, `must be ${apiVersionOf(kind)}`);
    return refuse(faults.invalid(kind, old.metadata.name ?? '', [cause]));
  }
  const typed = checkType(patched, kind);
  if (!typed.ok) return typed;
  const taken = takeIn(typed.value, kind, fieldValidationOf(request.query));
  if (!taken.ok) {
    // A patch that leaves an unreadable object is invalid (422), where a whole object would be a bad request.
    const why = /strict decoding error.*/s.exec(taken.fault.message)?.[0];
    if (why === undefined) return taken;
    return refuse(
      faults.invalid(
        { ...kind, group: '' },
        '',
        [fieldInvalid('patch', kind.builtIn ? request.body : formatJson(sorted(patched)), why)],
        '',
      ),
    );
  }
  const name = taken.value.object.metadata.name;
  if (name !== old.metadata.name) {
    return refuse(
      badRequest(
        `the name of the object (${name}) does not match the name on the URL (${old.metadata.name})`,
      ),
    );
  }
  const { uid, namespace } = taken.value.object.metadata;
  if ((namespace ?? '') !== (old.metadata.namespace ?? '')) {
    const why = 'the namespace of the provided object does not match the namespace sent on the request';
    return refuse(badRequest(why));
  }
  const moved = uidMoved(kind, old, uid, name ?? '');
  return moved === undefined ? taken : refuse(moved);
}

/** Go's maps print their keys in order. */
function sorted(value: Json): Json {
  if (isList(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    fields.map(([name, child]) => [name, child === undefined ? child : sorted(child)]),
  );
}

/** A patch may not give another identity; a PUT with another is about another object (see updateObject). */
export function uidMoved(
  kind: Kind,
  old: KubeObject | undefined,
  uid: string | undefined,
  name: string,
): Status | undefined {
  if (uid === undefined || uid === '' || uid === old?.metadata.uid) return undefined;
  // Told twice, by the registry and by the kind's strategy.
  const cause = fieldInvalid('metadata.uid', uid, 'field is immutable');
  return faults.invalid(kind, name, [cause, cause]);
}

/** Why a text is no patch, in the words of Go's decoder. */
function patchFault(patch: Json, want: 'an object' | 'a list'): Status {
  const type = isList(patch)
    ? 'array'
    : isObject(patch)
      ? 'object'
      : typeof patch === 'boolean'
        ? 'bool'
        : typeof patch;
  const into = want === 'a list' ? '[]handlers.jsonPatchOp' : 'map[string]interface {}';
  return badRequest(`error decoding patch: json: cannot unmarshal ${type} into Go value of type ${into}`);
}

const OPERATIONS = ['add', 'remove', 'replace', 'move', 'copy', 'test'];

function applyPatch(
  type: Exclude<PatchType, 'application/apply-patch+yaml'>,
  before: JsonObject,
  patch: Json,
  kind: Kind,
): Result<Json, Status> {
  switch (type) {
    case 'application/json-patch+json': {
      if (!isList(patch)) return refuse(patchFault(patch, 'a list'));
      const stray = patch.find(operation => !OPERATIONS.includes(textAt(operation, 'op')));
      if (stray !== undefined)
        return refuse(badRequest(`invalid operation ${formatJson(stray)}: unsupported operation`));
      const done = applyJsonPatch(before, patch);
      if (done.ok) return done;
      return refuse(
        failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {}),
      );
    }
    case 'application/merge-patch+json':
      if (!isObject(patch)) return refuse(patchFault(patch, 'an object'));
      return ok(applyMergePatch(before, patch));
    case 'application/strategic-merge-patch+json': {
      if (!isObject(patch)) return refuse(patchFault(patch, 'an object'));
      const done = applyStrategicMergePatch(before, patch, kind.schema);
      return done.ok ? done : refuse(badRequest(done.fault));
    }
    default:
      return type satisfies never;
  }
}
