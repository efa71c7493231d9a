type Json = unknown;

function isObject(value: Json): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether two JSON values are equal; `undefined` fields count as absent. */
export function sameJson(a: Json, b: Json): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((entry, i) => sameJson(entry, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const name of names) if (!sameJson(a[name], b[name])) return false;
  return true;
}

/** The RFC 7386 merge patch that turns `from` into `to`; undefined when they are equal. */
export function mergePatch(from: Json, to: Json): Json {
  if (sameJson(from, to)) return undefined;
  if (!isObject(from) || !isObject(to)) return to ?? null;
  const patch: Record<string, Json> = {};
  for (const name of Object.keys(from))
    if (to[name] === undefined && from[name] !== undefined) patch[name] = null;
  for (const [name, value] of Object.entries(to)) {
    if (value === undefined) continue;
    const part = from[name] === undefined ? value : mergePatch(from[name], value);
    if (part !== undefined) patch[name] = part;
  }
  return patch;
}
