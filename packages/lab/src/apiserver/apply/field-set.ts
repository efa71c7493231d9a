import { type JsonObject, isObject } from '../json.ts';

/**
 * A set of field paths as a tree. An element is `f:name` (a field), `k:{"name":"x"}` (a list item by its keys) or
 * `v:"x"` (an item of a set), as FieldsV1 meta writes them.
 */
export interface FieldSet {
  /** Whether the path that ends here is in the set. */
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export const EMPTY: FieldSet = { member: false, children: new Map() };
export const LEAF: FieldSet = { member: true, children: new Map() };

export function isEmptySet(set: FieldSet): boolean {
  return !set.member && set.children.size === 0;
}

/** A node without empty children. */
export function fieldSet(member: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet {
  return { member, children: new Map([...children].filter(([, child]) => !isEmptySet(child))) };
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b;
  if (isEmptySet(b)) return a;
  const children = new Map(a.children);
  for (const [key, child] of b.children) children.set(key, union(children.get(key) ?? EMPTY, child));
  return { member: a.member || b.member, children };
}

/** Paths of `a` that are not in `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b)) return a;
  const children = [...a.children].map(
    ([key, child]) => [key, difference(child, b.children.get(key) ?? EMPTY)] as const,
  );
  return fieldSet(a.member && !b.member, children);
}

/** Paths in both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const children = [...a.children].map(
    ([key, child]) => [key, intersection(child, b.children.get(key) ?? EMPTY)] as const,
  );
  return fieldSet(a.member && b.member, children);
}

export function sameSet(a: FieldSet, b: FieldSet): boolean {
  if (a.member !== b.member || a.children.size !== b.children.size) return false;
  return [...a.children].every(([key, child]) => {
    const other = b.children.get(key);
    return other !== undefined && sameSet(child, other);
  });
}

/** Reads FieldsV1: `{}` is a path, `.` marks that a path with longer ones below is itself in the set. */
export function parseFields(json: JsonObject, root = true): FieldSet {
  const entries = Object.entries(json);
  if (entries.length === 0) return root ? EMPTY : LEAF;
  const children = entries
    .filter(([key]) => key !== '.')
    .map(([key, value]) => [key, parseFields(isObject(value) ? value : {}, false)] as const);
  return fieldSet('.' in json, children);
}

export function formatFields(set: FieldSet): JsonObject {
  const out: Record<string, JsonObject> = {};
  if (set.member && set.children.size > 0) out['.'] = {};
  for (const [key, child] of [...set.children].sort(([a], [b]) => (a < b ? -1 : 1)))
    out[key] = formatFields(child);
  return out;
}

/** All paths as the API server prints them: `.spec.ports[containerPort=80,protocol="TCP"].name`. */
export function pathsOf(set: FieldSet, prefix = ''): readonly string[] {
  const own = set.member ? [prefix] : [];
  return [
    ...own,
    ...[...set.children].flatMap(([key, child]) => pathsOf(child, `${prefix}${elementText(key)}`)),
  ];
}

function elementText(element: string): string {
  const body = element.slice(2);
  if (element.startsWith('f:')) return `.${body}`;
  if (element.startsWith('v:')) return `[=${body}]`;
  const keys = Object.entries(JSON.parse(body) as JsonObject);
  return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
}
