/** Why a template can't be filled in. Thrown and caught within this folder. */
export class TemplateFault extends Error {}

/** A member of a map or list; undefined when there is none. */
export function memberOf(value: unknown, key: unknown): unknown {
  const name = String(key);
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

/** What `if` makes of a value: nothing, zero and what is empty are false. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Members as `range` goes over them: lists in order, maps by key. */
export function entriesOf(value: unknown): readonly (readonly [key: unknown, member: unknown])[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map((member, i) => [i, member]);
  if (typeof value === 'object') return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  throw new TemplateFault(`range can't go over ${String(value)}`);
}
