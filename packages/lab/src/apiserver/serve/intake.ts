import { ok, type Result } from '@muslin/net';
import { isList, isObject, type JsonObject, textAt } from '../json.ts';
import { objectMeta } from '../kinds/common-schema.ts';
import type { Kind } from '../kinds/kind.ts';
import { withoutTypeMeta } from '../kinds/stored-form.ts';
import type { KubeObject } from '../kube-object.ts';
import { decode } from '../schema/decode.ts';
import { applyDefaults } from '../schema/default.ts';
import { prune } from '../schema/prune.ts';
import { badRequest, refuse, type Status } from '../status.ts';

/** How to treat fields that the kind does not have (`fieldValidation` parameter; Warn unless given). */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const given = query.get('fieldValidation');
  return given === 'Strict' || given === 'Ignore' ? given : 'Warn';
}

/** An object ready for its strategy, and what to tell the client about the way there. */
export interface Taken {
  readonly object: KubeObject;
  readonly warnings: readonly string[];
}

/**
 * Decodes or prunes an object by its kind's schema: the stored form, without defaults.
 * @param repeated what the body says twice
 */
export function readFields(
  body: JsonObject,
  kind: Kind,
  mode: FieldValidation,
  repeated: readonly string[] = [],
): Result<Taken, Status> {
  const read = kind.builtIn ? decode(kind.kind, body, kind.schema) : readCustom(body, kind);
  const cannot = `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}`;
  if (read.mismatch !== undefined) return refuse(badRequest(`${cannot}: ${read.mismatch}`));
  const unknown =
    mode === 'Ignore' ? [] : [...repeated, ...read.unknown.map(path => `unknown field "${path}"`)];
  if (mode === 'Strict' && unknown.length > 0) {
    const yaml = unknown.map(text => text.replace(/^line /, 'yaml: unmarshal errors:\n  line '));
    return refuse(badRequest(`${cannot}: strict decoding error: ${yaml.join(', ')}`));
  }
  const bare = withoutTypeMeta(read.value);
  return ok({ object: kind.translate?.toStored(bare) ?? bare, warnings: unknown });
}

/** `readFields` with defaults filled in: ready for the kind's strategy, not yet validated. */
export function takeIn(
  body: JsonObject,
  kind: Kind,
  mode: FieldValidation,
  repeated: readonly string[] = [],
): Result<Taken, Status> {
  const read = readFields(body, kind, mode, repeated);
  return read.ok ? ok({ ...read.value, object: withDefaults(read.value.object, kind) }) : read;
}

/** The schema's defaults, then those that depend on other fields. */
export function withDefaults(object: KubeObject, kind: Kind): KubeObject {
  const filled = kind.translate === undefined ? (applyDefaults(object, kind.schema) as KubeObject) : object;
  return kind.strategy.complete?.(filled) ?? filled;
}

/** Metadata is typed for custom kinds too; the rest is pruned. */
function readCustom(body: JsonObject, kind: Kind): ReturnType<typeof decode> {
  const given = body['metadata'] ?? {};
  if (!isObject(given)) {
    const type = isList(given) ? 'array' : typeof given === 'boolean' ? 'bool' : typeof given;
    const mismatch = `json: cannot unmarshal ${type} into Go value of type v1.ObjectMeta`;
    return { value: body, unknown: [], mismatch };
  }
  const decoded = decode('ObjectMeta', given, objectMeta);
  const pruned = prune({ ...body, metadata: decoded.value }, kind.schema);
  return {
    value: pruned.value,
    unknown: [...decoded.unknown.map(path => `metadata.${path}`), ...pruned.unknown].sort(),
    mismatch: decoded.mismatch ?? timeFault(given),
  };
}

/** A time of metadata that is none, in the words of Go's time.Parse. */
function timeFault(metadata: JsonObject): string | undefined {
  const text = textAt(metadata, 'creationTimestamp');
  if (text === '' || !Number.isNaN(Date.parse(text))) return undefined;
  const layout = '2006-01-02T15:04:05Z07:00';
  return `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(text)} as "2006"`;
}
