import { settingAt } from './settings.ts';
import { type Filling, Hole, type Piece, type Source, type Tree } from './tree.ts';

/**
 * Prints trees as YAML. Holes become actions of Go's text/template that need no function beyond its built-in ones
 * (`if`, `range`, `printf`), so that any Go template engine renders the chart, not Helm's alone.
 */
export function printPieces(pieces: readonly Piece[]): string {
  return pieces
    .map(({ when, about, object }) => {
      const lines = ['---', ...about.split('\n').map(line => `# ${line}`), ...printTree(object)];
      for (const setting of [...when].reverse())
        lines.splice(0, lines.length, `{{- if ${pathOf({ setting })} }}`, ...lines, '{{- end }}');
      return `${lines.join('\n')}\n`;
    })
    .join('');
}

/** The lines of a map or a list. */
export function printTree(tree: Tree): readonly string[] {
  if (tree instanceof Hole || typeof tree !== 'object') throw new Error('only maps and lists span lines');
  if (Array.isArray(tree)) return tree.flatMap(part => printElement(part));
  return Object.entries(tree).flatMap(([key, part]) => printEntry(key, part));
}

function printElement(part: Tree): readonly string[] {
  if (part instanceof Hole && part.filling.type === 'when') return branches(part.filling, printElement);
  if (part instanceof Hole && part.filling.type === 'each') return printItems(part.filling);
  const scalar = printScalar(part);
  if (scalar !== undefined) return [`- ${scalar}`];
  const [first = '', ...rest] = printTree(part);
  if (first.startsWith('{{')) throw new Error('an element must begin with a key that is always there');
  return [`- ${first}`, ...indent(rest)];
}

function printEntry(key: string, part: Tree): readonly string[] {
  if (part instanceof Hole) {
    const { filling } = part;
    if (filling.type === 'when') return branches(filling, then => printEntry(key, then));
    if (filling.type === 'map' && key === '...') return printPairs(filling);
    if (filling.type === 'map')
      return [
        `{{- if ${pathOf(filling)} }}`,
        `${printKey(key)}:`,
        ...indent(printPairs(filling)),
        '{{- end }}',
      ];
    if (filling.type === 'each')
      return [
        `{{- if ${pathOf(filling)} }}`,
        `${printKey(key)}:`,
        ...indent(printItems(filling)),
        '{{- end }}',
      ];
  }
  const scalar = printScalar(part);
  if (scalar !== undefined) return [`${printKey(key)}: ${scalar}`];
  const lines = printTree(part);
  return [`${printKey(key)}:`, ...indent(lines)];
}

function printPairs(filling: Filling & { readonly type: 'map' }): readonly string[] {
  return [
    `{{- range $key, $value := ${pathOf(filling)} }}`,
    '{{ printf "%q" $key }}: {{ printf "%q" $value }}',
    '{{- end }}',
  ];
}

function printItems(filling: Filling & { readonly type: 'each' }): readonly string[] {
  return [`{{- range $item := ${pathOf(filling)} }}`, ...printElement(filling.item), '{{- end }}'];
}

function branches(
  { setting, then, otherwise }: Filling & { readonly type: 'when' },
  print: (tree: Tree) => readonly string[],
): readonly string[] {
  const no = otherwise === undefined ? [] : ['{{- else }}', ...print(otherwise)];
  return [`{{- if ${pathOf({ setting })} }}`, ...print(then), ...no, '{{- end }}'];
}

/** One line of YAML; undefined for what spans lines. */
function printScalar(tree: Tree): string | undefined {
  if (tree instanceof Hole) return printHole(tree.filling);
  if (typeof tree === 'string') return printText(tree);
  if (typeof tree !== 'object') return String(tree);
  if (Array.isArray(tree)) return tree.length === 0 ? '[]' : undefined;
  return Object.keys(tree).length === 0 ? '{}' : undefined;
}

function printHole(filling: Filling): string {
  switch (filling.type) {
    case 'value': {
      const path = pathOf(filling.source);
      return isText(filling.source) ? `{{ printf "%q" ${path} }}` : `{{ ${path} }}`;
    }
    case 'text': {
      const form = filling.parts.map(part =>
        typeof part === 'string' ? part.replaceAll('%', '%%') : isText(part) ? '%s' : '%v',
      );
      const values = filling.parts
        .filter(part => typeof part !== 'string')
        .map(part => pathOf(part as Source));
      return `{{ printf "%q" (printf ${JSON.stringify(form.join(''))} ${values.join(' ')}) }}`;
    }
    case 'item':
      // A comma after the last pair is YAML (flow mapping).
      if (filling.of === 'record')
        return '{ {{ range $key, $value := $item }}{{ printf "%q: %q, " $key $value }}{{ end }}}';
      return filling.of === 'string' ? '{{ printf "%q" $item }}' : '{{ $item }}';
    case 'when':
    case 'map':
    case 'each':
      throw new Error(`${filling.type} can't stand here`);
    default:
      return filling satisfies never;
  }
}

const isText = (source: Source): boolean =>
  'release' in source || settingAt(source.setting).shape.type === 'string';

function pathOf(source: Source): string {
  if ('release' in source) return `.Release.${source.release}`;
  settingAt(source.setting);
  return `.Values.${source.setting}`;
}

const PLAIN = /^[A-Za-z/][A-Za-z0-9_./-]*$/;
const NOT_TEXT = /^(true|false|yes|no|on|off|null|y|n)$/i;

function printText(text: string): string {
  if (text.includes('{{')) throw new Error(`${JSON.stringify(text)} would be a template action`);
  return PLAIN.test(text) && !NOT_TEXT.test(text) ? text : JSON.stringify(text);
}

const printKey = (key: string): string => printText(key);

/** Actions stand at the margin: they are gone from the result. */
const indent = (lines: readonly string[]): readonly string[] =>
  lines.map(line => (line.startsWith('{{-') ? line : `  ${line}`));
