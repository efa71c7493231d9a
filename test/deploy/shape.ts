/**
 * What an object may look like, compactly: a name of a scalar, `[shape]` a list, `{ '*': shape }` a map of any keys, else
 * fields, where `name!` must be there.
 */
export type Shape = 'text' | 'number' | 'yes-no' | 'int-or-text' | 'free' | readonly [Shape] | Fields;
export interface Fields {
  readonly [field: string]: Shape;
}

const SCALARS: Readonly<Record<string, (value: unknown) => boolean>> = {
  text: value => typeof value === 'string',
  number: value => Number.isInteger(value),
  'yes-no': value => typeof value === 'boolean',
  'int-or-text': value => Number.isInteger(value) || typeof value === 'string',
  free: () => true,
};

/** What is wrong with a value, one sentence each, with the path. */
export function misfits(value: unknown, shape: Shape, path = ''): readonly string[] {
  if (typeof shape === 'string') return SCALARS[shape]?.(value) ? [] : [`${path} is no ${shape}`];
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return [`${path} is no list`];
    return value.flatMap((part, i) => misfits(part, shape[0] as Shape, `${path}[${i}]`));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path} is no map`];
  const fields = shape as Fields;
  const any = fields['*'];
  const known = new Map(Object.entries(fields).map(([field, inner]) => [field.replace(/!$/, ''), inner]));
  const missing = Object.keys(fields)
    .filter(field => field.endsWith('!') && !Object.hasOwn(value, field.slice(0, -1)))
    .map(field => `${path}.${field.slice(0, -1)} is missing`);
  const inside = Object.entries(value).flatMap(([field, part]) => {
    const inner = any ?? known.get(field);
    return inner === undefined ? [`${path}.${field} is unknown`] : misfits(part, inner, `${path}.${field}`);
  });
  return [...missing, ...inside];
}
