import { isList, isObject, type Json, type JsonObject } from '../json.ts';
import { fieldSchema, isOpaque, type Schema } from './schema.ts';

/** What decoding into a built-in kind's Go struct would give. */
export interface Decoded {
  readonly value: JsonObject;
  /** Paths of fields that the kind does not have, such as `spec.bogus`. */
  readonly unknown: readonly string[];
  /** First value of the wrong JSON type, worded as Go's decoder does. */
  readonly mismatch: string | undefined;
}

/**
 * Decodes JSON as the typed part of the API server does: unknown fields are dropped and named, null is absent,
 * empty lists and maps are absent (omitempty) unless the schema keeps them.
 */
export function decode(kind: string, value: JsonObject, schema: Schema): Decoded {
  const unknown: string[] = [];
  let mismatch: string | undefined;

  const wrong = (got: Json, path: string, want: string) => {
    const type = isList(got) ? 'array' : typeof got === 'boolean' ? 'bool' : typeof got;
    const field = path.replace(/\[\d+\]/g, '');
    mismatch ??= `json: cannot unmarshal ${type} into Go struct field ${kind}.${field} of type ${want}`;
    return undefined;
  };

  const walk = (node: Json, type: Schema, path: string): Json | undefined => {
    if (type['x-kubernetes-int-or-string'] === true) {
      return typeof node === 'string' || typeof node === 'number'
        ? node
        : wrong(node, path, 'intstr.IntOrString');
    }
    switch (type.type) {
      case 'string':
        return typeof node === 'string' ? node : wrong(node, path, 'string');
      case 'boolean':
        return typeof node === 'boolean' ? node : wrong(node, path, 'bool');
      case 'integer':
        return typeof node === 'bigint' || Number.isInteger(node)
          ? node
          : wrong(node, path, type.format ?? 'int64');
      case 'number':
        return typeof node === 'number' ? node : wrong(node, path, 'float64');
      case 'array': {
        if (!isList(node)) return wrong(node, path, '[]');
        const items = type.items ?? {};
        return node.map((item, i) => walk(item, items, `${path}[${i}]`) ?? (item === null ? null : item));
      }
      case 'object':
        return isObject(node)
          ? fields(node, type, path)
          : wrong(
              node,
              path,
              `map[string]${typeof type.additionalProperties === 'object' ? (type.additionalProperties.type ?? '') : ''}`,
            );
      default:
        return node;
    }
  };

  const fields = (node: JsonObject, type: Schema, path: string): JsonObject => {
    if (isOpaque(type)) return node;
    const out: Record<string, Json> = {};
    for (const [name, child] of Object.entries(node)) {
      const childPath = path === '' ? name : `${path}.${name}`;
      const childSchema = fieldSchema(type, name);
      if (childSchema === undefined) {
        unknown.push(childPath);
        continue;
      }
      if (child === null || child === undefined) {
        if (type.properties === undefined) out[name] = '';
        continue;
      }
      // Go names the map, not the key in it.
      const value = walk(child, childSchema, type.properties === undefined ? path : childPath);
      if (value === undefined || isOmitted(value, childSchema)) continue;
      out[name] = value;
    }
    return out;
  };

  return { value: fields(value, schema, ''), unknown, mismatch };
}

function isOmitted(value: Json, schema: Schema): boolean {
  if (schema['x-muslin-keep-empty'] === true || isOpaque(schema)) return false;
  if (isList(value)) return value.length === 0;
  return isObject(value) && schema.properties === undefined && Object.keys(value).length === 0;
}
