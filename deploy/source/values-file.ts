import { SETTINGS, type Setting } from './settings.ts';

/** values.yaml: every setting with its default, under its comment. */
export function valuesFile(): string {
  const lines = [
    '# What can be set. Written by deploy/generate.ts from deploy/source/settings.ts; change it there.',
  ];
  let open: readonly string[] = [];
  for (const { path, about, shape } of SETTINGS) {
    const keys = path.split('.');
    const parents = keys.slice(0, -1);
    let same = 0;
    while (same < parents.length && parents[same] === open[same]) same++;
    for (const [depth, key] of parents.entries())
      if (depth >= same) lines.push(`${'  '.repeat(depth)}${key}:`);
    open = parents;
    const margin = '  '.repeat(parents.length);
    lines.push(`${margin}# ${about}`, `${margin}${keys.at(-1)}: ${JSON.stringify(shape.value)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** values.schema.json (JSON Schema draft 7, as Helm reads it): misspelt settings are refused, not ignored. */
export function valuesSchema(): string {
  const root: SchemaObject = { type: 'object', additionalProperties: false, properties: {} };
  for (const setting of SETTINGS) {
    let place = root;
    const keys = setting.path.split('.');
    for (const key of keys.slice(0, -1))
      place = (place.properties[key] ??= {
        type: 'object',
        additionalProperties: false,
        properties: {},
      }) as SchemaObject;
    place.properties[keys.at(-1) as string] = { description: setting.about, ...schemaOf(setting) };
  }
  // Helm hands these to every chart that is a dependency of another.
  root.properties['global'] = {
    description: 'For charts that this one is a part of; nothing of it is read.',
    type: 'object',
  };
  return `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...root }, null, 2)}\n`;
}

interface SchemaObject {
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly properties: Record<string, object>;
}

function schemaOf({ shape }: Setting): object {
  switch (shape.type) {
    case 'string':
      return {
        type: 'string',
        ...(shape.pattern === undefined ? {} : { pattern: shape.pattern }),
        ...(shape.oneOf === undefined ? {} : { enum: shape.oneOf }),
      };
    case 'integer':
      return { type: 'integer', minimum: shape.min, maximum: shape.max };
    case 'boolean':
      return { type: 'boolean' };
    case 'strings':
      return { type: 'array', items: { type: 'string' } };
    case 'integers':
      return { type: 'array', items: { type: 'integer', minimum: shape.min, maximum: shape.max } };
    case 'records':
      return {
        type: 'array',
        items: {
          type: 'object',
          additionalProperties: false,
          properties: Object.fromEntries(
            Object.entries(shape.fields).map(([name, oneOf]) => [
              name,
              { type: 'string', ...(oneOf.length === 0 ? {} : { enum: oneOf }) },
            ]),
          ),
        },
      };
    case 'map':
      return { type: 'object', additionalProperties: { type: 'string' } };
    default:
      return shape satisfies never;
  }
}
