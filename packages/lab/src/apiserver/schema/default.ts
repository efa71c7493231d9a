import { isList, isObject, type Json, type JsonObject } from '../json.ts';
import { fieldSchema, type Schema } from './schema.ts';

/**
 * Fills in the schema's defaults, also below present lists and maps. A null where the schema is not nullable
 * but has a default becomes the default (apiextensions, defaulting). Returns the same value when nothing changed.
 */
export function applyDefaults(value: JsonObject, schema: Schema): JsonObject {
  return walk(value, schema) as JsonObject;
}

function walk(node: Json, schema: Schema): Json {
  if (isList(node)) {
    const items = schema.items;
    if (items === undefined) return node;
    const out = node.map(item =>
      item === null && items.nullable !== true && items.default !== undefined
        ? items.default
        : walk(item, items),
    );
    return out.every((item, i) => item === node[i]) ? node : out;
  }
  if (!isObject(node)) return node;
  let changed = false;
  const out: Record<string, Json | undefined> = { ...node };
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const present = out[name];
    const missing = present === undefined || (present === null && child.nullable !== true);
    if (missing && child.default !== undefined) {
      out[name] = child.default;
      changed = true;
    } else if (present === null && child.nullable !== true) {
      delete out[name];
      changed = true;
    }
  }
  for (const [name, child] of Object.entries(out)) {
    const type = fieldSchema(schema, name);
    if (type === undefined || child === undefined) continue;
    if (child === null && type.nullable !== true) {
      if (type.default === undefined) delete out[name];
      else out[name] = type.default;
      changed = true;
      continue;
    }
    const next = walk(child, type);
    if (next !== child) {
      out[name] = next;
      changed = true;
    }
  }
  return changed ? out : node;
}
