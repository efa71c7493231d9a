import { isList, isObject, type Json, type JsonObject } from '../json.ts';
import { fieldSchema, isOpaque, type Schema } from './schema.ts';

/** Always there on an embedded resource (apiextensions, x-kubernetes-embedded-resource). */
const TYPE_META: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const EMBEDDED: Readonly<Record<string, Schema>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: TYPE_META,
};

/** Removes what a structural schema does not specify, and names what it removed. */
export function prune(
  value: JsonObject,
  schema: Schema,
): { readonly value: JsonObject; readonly unknown: readonly string[] } {
  const unknown: string[] = [];

  const walk = (node: Json, type: Schema, path: string): Json => {
    if (isList(node)) {
      const items = type.items;
      return items === undefined
        ? node
        : keep(
            node,
            node.map((item, i) => walk(item, items, `${path}[${i}]`)),
          );
    }
    if (!isObject(node)) return node;
    let changed = false;
    const out: Record<string, Json | undefined> = {};
    for (const [name, child] of Object.entries(node)) {
      const childPath = path === '' ? name : `${path}.${name}`;
      const childSchema =
        fieldSchema(type, name) ??
        (type['x-kubernetes-embedded-resource'] === true ? EMBEDDED[name] : undefined);
      if (childSchema === undefined) {
        if (isOpaque(type)) out[name] = child;
        else {
          unknown.push(childPath);
          changed = true;
        }
      } else {
        const next = child === undefined ? undefined : walk(child, childSchema, childPath);
        if (next !== child) changed = true;
        out[name] = next;
      }
    }
    return changed ? out : node;
  };

  return { value: walk(value, schema, '') as JsonObject, unknown };
}

function keep(before: readonly Json[], after: readonly Json[]): readonly Json[] {
  return after.every((item, i) => item === before[i]) ? before : after;
}
