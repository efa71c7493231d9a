import { fail, formatJson, ok, type Result } from '@muslin/net';

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'show'; readonly words: readonly string[] }
  | {
      readonly kind: 'range' | 'if' | 'with';
      readonly words: readonly string[];
      readonly body: readonly Part[];
      readonly otherwise: readonly Part[];
    };

/** A template in the part of Go's text/template that people write for kubectl. */
export type GoTemplate = readonly Part[];

const WORD = /"(?:\\.|[^"\\])*"|`[^`]*`|[^\s"`]+/g;
const FUNCTIONS = ['index', 'len', 'eq', 'ne', 'not', 'and', 'or', 'print', 'printf', 'println'];

/**
 * Reads text with `{{.path}}`, `{{range}}`, `{{if}}`, `{{with}}`, `{{else}}`, `{{end}}`, string literals and the functions
 * above; `{{-` and `-}}` trim. Variables, pipelines, parentheses and nested templates are not read.
 */
export function parseGoTemplate(text: string): Result<GoTemplate, string> {
  const root: Part[] = [];
  const open: {
    words: readonly string[];
    kind: 'range' | 'if' | 'with';
    body: Part[];
    otherwise: Part[] | undefined;
  }[] = [];
  const into = () => open.at(-1)?.otherwise ?? open.at(-1)?.body ?? root;
  let at = 0;
  let trim = false;
  const addText = (raw: string) => {
    const shown = trim ? raw.trimStart() : raw;
    if (shown !== '') into().push({ kind: 'text', text: shown });
  };
  for (const found of text.matchAll(
    /\{\{(- )?\s*((?:"(?:\\.|[^"\\])*"|`[^`]*`|[^"`}]|\}(?!\}))*?)\s*( -)?\}\}/g,
  )) {
    const before = text.slice(at, found.index);
    addText(found[1] === undefined ? before : before.trimEnd());
    at = found.index + found[0].length;
    trim = found[3] !== undefined;
    const words = found[2]?.match(WORD) ?? [];
    const [first = '', ...rest] = words;
    if (first.startsWith('/*')) continue;
    if (first === 'range' || first === 'if' || first === 'with') {
      open.push({ kind: first, words: rest, body: [], otherwise: undefined });
      const strange = complaint(rest);
      if (strange !== undefined) return fail(strange);
    } else if (first === 'else' && rest.length === 0) {
      const top = open.at(-1);
      if (top === undefined) return fail('{{else}} without {{if}} or {{range}}');
      top.otherwise = [];
    } else if (first === 'end') {
      const done = open.pop();
      if (done === undefined) return fail('{{end}} without {{if}} or {{range}}');
      into().push({ ...done, otherwise: done.otherwise ?? [] });
    } else {
      const strange = complaint(words);
      if (strange !== undefined) return fail(strange);
      into().push({ kind: 'show', words });
    }
  }
  const tail = text.slice(at);
  if (tail.includes('{{')) return fail('an unclosed {{');
  addText(tail);
  const left = open.at(-1);
  return left === undefined ? ok(root) : fail(`{{${left.kind}}} without {{end}}`);
}

function complaint(words: readonly string[]): string | undefined {
  const [first = '', ...rest] = words;
  if (first === '') return 'an empty {{}}';
  const plain = (word: string) => /^(\.|\$(\.|$)|"|`|-?\d|true$|false$|nil$)/.test(word);
  const args = FUNCTIONS.includes(first) ? rest : words;
  const strange = args.find(word => !plain(word));
  if (strange !== undefined)
    return `${strange} is not read here: only paths, literals and ${FUNCTIONS.join(', ')}`;
  return args === words && words.length > 1 ? `${words[1]} stands where nothing may` : undefined;
}

/** The text that a template makes of a value; what is not there is `<no value>`, as kubectl says. */
export function renderGoTemplate(template: GoTemplate, value: unknown, root: unknown = value): string {
  return template
    .map(part => {
      if (part.kind === 'text') return part.text;
      const found = evaluate(part.words, value, root);
      if (part.kind === 'show') return textOf(found);
      if (!isTrue(found)) return renderGoTemplate(part.otherwise, value, root);
      if (part.kind === 'range')
        return Object.values(found as object)
          .map(item => renderGoTemplate(part.body, item, root))
          .join('');
      return renderGoTemplate(part.body, part.kind === 'with' ? found : value, root);
    })
    .join('');
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  return typeof value === 'object' ? formatJson(value) : String(value);
}

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function evaluate(words: readonly string[], value: unknown, root: unknown): unknown {
  const [first = '', ...rest] = words;
  if (!FUNCTIONS.includes(first)) return operand(first, value, root);
  const args = rest.map(word => operand(word, value, root));
  const [a, b] = args;
  switch (first) {
    case 'index':
      return args.slice(1).reduce((at, key) => member(at, String(key)), a);
    case 'len':
      return typeof a === 'string' ? Buffer.byteLength(a) : Object.keys((a ?? {}) as object).length;
    case 'eq':
      return args.slice(1).some(each => each === a);
    case 'ne':
      return a !== b;
    case 'not':
      return !isTrue(a);
    case 'and':
      return args.find(each => !isTrue(each)) ?? args.at(-1);
    case 'or':
      return args.find(isTrue) ?? args.at(-1);
    case 'printf':
      return args
        .slice(1)
        .reduce<string>((text, each) => text.replace(/%[svdqt]/, () => textOf(each)), String(a));
    default:
      return args.map(textOf).join(first === 'println' ? ' ' : '') + (first === 'println' ? '\n' : '');
  }
}

function operand(word: string, value: unknown, root: unknown): unknown {
  if (word.startsWith('`')) return word.slice(1, -1);
  if (word.startsWith('"')) return JSON.parse(word);
  if (word === 'true' || word === 'false') return word === 'true';
  if (word === 'nil') return undefined;
  if (/^-?\d/.test(word)) return Number(word);
  const from = word.startsWith('$') ? root : value;
  return word.replace(/^\$/, '').split('.').filter(Boolean).reduce(member, from);
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}
