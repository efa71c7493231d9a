import { FELIX_SUPPORT } from '../kinds/felix/support.ts';
import type { Kind } from '../kinds/kind.ts';
import { schemaOf } from './crd.ts';
import type { SchemaNode } from './structural.ts';

interface FieldRow {
  readonly path: string;
  readonly schema: SchemaNode;
  readonly required: boolean;
}

/** The reference page of a kind in Markdown: what it is, its columns, every field with type, default and meaning, its rules. */
export function referencePage(kind: Kind): string {
  const schema = schemaOf(kind);
  const rows = [...fieldsOf(schema, '')].filter(({ path }) => /^(spec|status)\b/.test(path));
  const rules = [{ path: '', schema, required: false }, ...rows].flatMap(({ path, schema }) =>
    (schema['x-kubernetes-validations'] ?? []).map(({ message }) => ({ path, message })),
  );
  const lines = [
    `# ${kind.kind}`,
    '',
    kind.about,
    '',
    `\`${kind.group}/${kind.version}\`, ${kind.scope === 'Cluster' ? 'cluster-wide' : 'in a namespace'}.`,
    `\`kubectl get ${[kind.plural, ...kind.shortNames].join('`, `kubectl get ')}\`.`,
    '',
    '| field | type | default | meaning |',
    '|---|---|---|---|',
    ...rows.map(
      ({ path, schema, required }) =>
        `| \`${path}\` | ${cell(typeText(schema))} | ${cell(defaultText(schema, required))} | ${cell(schema.description ?? '')} |`,
    ),
  ];
  if (rules.length > 0) {
    lines.push('', '## Rules', '', 'The API server refuses objects that break one of these.', '');
    lines.push(
      ...rules.map(({ path, message }) => (path === '' ? `- ${message}` : `- \`${path}\`: ${message}`)),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** Which fields of a FelixConfiguration are acted on, and why the others are not, in Markdown. */
export function felixSupportPage(): string {
  const rows = Object.entries(FELIX_SUPPORT).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const usual = (value: unknown) => `\`${String(value) === '' ? '""' : String(value)}\``;
  const honoured = rows.flatMap(([field, support]) =>
    support.is === 'honoured' ? [`| \`${field}\` | ${cell(support.what)} |`] : [],
  );
  const kept = rows.flatMap(([field, support]) =>
    support.is === 'kept'
      ? [`| \`${field}\` | ${cell(support.why)} | ${support.harmless.map(usual).join(', ')} |`]
      : [],
  );
  return [
    '# FelixConfiguration: what is acted on',
    '',
    'Of all configurations that concern a node, field by field the narrowest wins: `node.NAME`, then those whose',
    '`nodeSelector` picks it, in the order of their names, then `default`.',
    '',
    `## ${honoured.length} fields that are acted on`,
    '',
    '| field | what it does |',
    '|---|---|',
    ...honoured,
    '',
    `## ${kept.length} fields that are kept and change nothing`,
    '',
    'Each that is written with another value than those to the right is told: as an Event `PartlyInForce` about the',
    'object, by `muslinctl migrate` and by `muslinctl validate`.',
    '',
    '| field | why | no news |',
    '|---|---|---|',
    ...kept,
    '',
  ].join('\n');
}

/** The list of all reference pages in Markdown. */
export function referenceIndex(kinds: readonly Kind[]): string {
  const rows = kinds.map(
    kind => `| [${kind.kind}](${pageName(kind)}) | \`${kind.group}/${kind.version}\` | ${cell(kind.about)} |`,
  );
  const head = [
    '# Reference',
    '',
    'Every kind that Muslin defines, field by field. These pages and the files in `crds/` come from the same source,',
    '`packages/api/src/kinds`; `npm run crds` writes them.',
    '',
    '| kind | API | what it is |',
    '|---|---|---|',
  ];
  const more = ['', '[What is acted on of a FelixConfiguration](felixconfiguration-support.md)'];
  return `${[...head, ...rows, ...more].join('\n')}\n`;
}

/** File name of a kind's page. */
export function pageName(kind: Kind): string {
  return `${kind.kind.toLowerCase()}.md`;
}

function* fieldsOf(schema: SchemaNode, path: string): IterableIterator<FieldRow> {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const here = path === '' ? name : `${path}.${name}`;
    yield { path: here, schema: property, required: schema.required?.includes(name) ?? false };
    yield* fieldsOf(property, here);
    if (property.items) yield* fieldsOf(property.items, `${here}[]`);
  }
}

function typeText(schema: SchemaNode): string {
  if (schema['x-kubernetes-int-or-string']) return 'integer or string';
  if (schema.enum) return schema.enum.map(value => `\`${value === '' ? '""' : value}\``).join(', ');
  if (schema.items) {
    const bounds = range(schema.minItems, schema.maxItems);
    return `list of ${typeText(schema.items)}${bounds === '' ? '' : `; ${bounds} items`}`;
  }
  if (schema.additionalProperties) return `map of ${typeText(schema.additionalProperties)}`;
  const parts = [
    schema.type ?? '',
    range(schema.minimum, schema.maximum),
    schema.maxLength === undefined ? '' : `at most ${schema.maxLength} characters`,
    schema.format === undefined || /^int/.test(schema.format) ? '' : schema.format,
    schema.pattern === undefined ? '' : `\`${schema.pattern}\``,
  ];
  return parts.filter(part => part !== '').join(', ');
}

function range(least: number | undefined, most: number | undefined): string {
  if (least === undefined) return most === undefined ? '' : `at most ${most}`;
  if (most === undefined) return `at least ${least}`;
  return least === most ? `exactly ${least}` : `${least} to ${most}`;
}

function defaultText(schema: SchemaNode, required: boolean): string {
  if (schema.default !== undefined) return `\`${JSON.stringify(schema.default)}\``;
  if (required) return '**required**';
  return schema.usual ?? '';
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
