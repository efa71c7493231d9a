import { fail, ok, type Result } from '@muslin/net';
import { isList, isObject, type Json, type JsonObject, sameJson } from '../json.ts';
import { fieldSchema, type Schema } from '../schema/schema.ts';

const DIRECTIVE = /^\$(patch|retainKeys|(deleteFromPrimitiveList|setElementOrder)\/.+)$/;

/**
 * Applies a strategic merge patch (Kubernetes, "Strategic Merge Patch"): as a merge patch, but lists with
 * patchStrategy merge are merged by their patchMergeKey, and `$patch`, `$retainKeys`,
 * `$deleteFromPrimitiveList/x` and `$setElementOrder/x` direct the merge.
 */
export function applyStrategicMergePatch(
  target: JsonObject,
  patch: JsonObject,
  schema: Schema,
): Result<JsonObject, string> {
  try {
    return ok(mergeObject(target, patch, schema));
  } catch (cause) {
    if (cause instanceof BadPatch) return fail(cause.message);
    throw cause;
  }
}

/** Unwinds the recursion; never leaves this file. */
class BadPatch extends Error {}

function mergeObject(target: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  const directive = patch['$patch'];
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return {};
  const out: Record<string, Json | undefined> = { ...target };
  const retain = patch['$retainKeys'];
  if (isList(retain)) for (const key of Object.keys(out)) if (!retain.includes(key)) delete out[key];
  for (const [key, value] of Object.entries(patch)) {
    if (DIRECTIVE.test(key)) continue;
    if (value === null || value === undefined) {
      delete out[key];
      continue;
    }
    const type = fieldSchema(schema, key);
    const order = patch[`$setElementOrder/${key}`];
    if (isObject(value)) out[key] = mergeObject(isObject(out[key]) ? out[key] : {}, value, type);
    else if (isList(value))
      out[key] = mergeList(isList(out[key]) ? out[key] : [], value, type, isList(order) ? order : undefined);
    else out[key] = value;
  }
  for (const [key, value] of Object.entries(patch)) {
    const [word, field] = key.split('/') as [string, string | undefined];
    if (field === undefined || !isList(value)) continue;
    if (word === '$deleteFromPrimitiveList' && isList(out[field])) {
      out[field] = out[field].filter(item => !value.some(gone => sameJson(gone, item)));
    } else if (word === '$setElementOrder' && patch[field] === undefined && isList(out[field])) {
      out[field] = inOrder(out[field], value, fieldSchema(schema, field));
    }
  }
  return out;
}

function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !DIRECTIVE.test(key)));
}

function mergeList(
  target: readonly Json[],
  patch: readonly Json[],
  schema: Schema | undefined,
  order: readonly Json[] | undefined,
): readonly Json[] {
  const replaces = patch.some(item => isObject(item) && item['$patch'] === 'replace');
  if (replaces) return patch.filter(item => !(isObject(item) && item['$patch'] === 'replace'));
  if (schema?.['x-kubernetes-patch-strategy']?.split(',').includes('merge') !== true) return patch;
  const key = schema['x-kubernetes-patch-merge-key'];
  if (key === undefined) {
    const added = patch.filter(item => !target.some(other => sameJson(other, item)));
    return inOrder([...target, ...added], order, schema);
  }
  let out = [...target];
  for (const item of patch) {
    if (!isObject(item) || item[key] === undefined) {
      throw new BadPatch(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    }
    const index = out.findIndex(other => isObject(other) && sameJson(other[key], item[key]));
    if (item['$patch'] === 'delete') out = out.filter((_, i) => i !== index);
    else if (index < 0) out.push(mergeObject({}, item, schema.items));
    else out[index] = mergeObject(out[index] as JsonObject, item, schema.items);
  }
  return inOrder(out, order, schema);
}

/** Items named in `order` come in that order; the others keep their places among themselves, after what preceded them. */
function inOrder(
  items: readonly Json[],
  order: readonly Json[] | undefined,
  schema: Schema | undefined,
): readonly Json[] {
  if (order === undefined) return items;
  const key = schema?.['x-kubernetes-patch-merge-key'];
  const identity = (item: Json) => (key !== undefined && isObject(item) ? item[key] : item);
  const rank = (item: Json) => order.findIndex(other => sameJson(identity(other), identity(item)));
  const named = items.filter(item => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  const out: Json[] = [];
  for (const item of items) {
    if (rank(item) < 0) out.push(item);
    else out.push(named.shift() as Json);
  }
  return out;
}
