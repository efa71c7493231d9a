import { fail, formatJson, ok, type Result } from '@muslin/net';

/** One step of a path: a name or index, all members, all members at any depth, or those that a test picks. */
type Step =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'slice'; readonly from: number; readonly to: number | undefined }
  | { readonly kind: 'all' }
  | { readonly kind: 'deep'; readonly key: string }
  | {
      readonly kind: 'test';
      readonly path: readonly Step[];
      readonly operator: string;
      readonly value: unknown;
    };

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly path: readonly Step[] }
  | { readonly kind: 'range'; readonly path: readonly Step[]; readonly body: readonly Part[] };

/** A template as kubectl's `-o jsonpath` takes it. */
export type JsonPathTemplate = readonly Part[];

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

/**
 * Reads a template: text with `{.path}`, `{"literal"}`, `{range .path}…{end}` (Kubernetes, "JSONPath Support"). A template
 * without braces is one path.
 */
export function parseJsonPath(text: string): Result<JsonPathTemplate, string> {
  const template = text.includes('{') ? text : `{${text.startsWith('.') ? '' : '.'}${text}}`;
  const open: { readonly path: readonly Step[]; readonly parts: Part[] }[] = [{ path: [], parts: [] }];
  const add = (part: Part) => void open.at(-1)?.parts.push(part);
  for (const [whole, inner] of template.matchAll(
    /\{((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^{}"'])*)\}|[^{}]+|[{}]/g,
  )) {
    if (whole === '{' || whole === '}') return fail(`unbalanced ${whole} in ${JSON.stringify(text)}`);
    if (inner === undefined) {
      add({ kind: 'text', text: whole });
      continue;
    }
    const word = inner.trim();
    const quoted = /^"((?:\\.|[^"\\])*)"$|^'((?:\\.|[^'\\])*)'$/.exec(word);
    const range = /^range\s+(.*)$/s.exec(word)?.[1];
    if (quoted) add({ kind: 'text', text: unescaped(quoted[1] ?? quoted[2] ?? '') });
    else if (word === 'end') {
      const done = open.length > 1 ? open.pop() : undefined;
      if (done === undefined) return fail('{end} without {range}');
      add({ kind: 'range', path: done.path, body: done.parts });
    } else {
      const path = parsePath(range ?? word);
      if (!path.ok) return path;
      if (range === undefined) add({ kind: 'path', path: path.value });
      else open.push({ path: path.value, parts: [] });
    }
  }
  return open.length > 1 ? fail('{range} without {end}') : ok(open[0]?.parts ?? []);
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}

const STEP =
  /^(?:\.\.([\w$/-]+)|\.?\[\s*\?\(\s*@((?:[^=!<>()'"]|'[^']*')*?)\s*(?:(==|!=|<=|>=|<|>)\s*("[^"]*"|'[^']*'|[^)]+?))?\s*\)\s*\]|\.?\[\s*\*\s*\]|\.\*|\.?\['([^']*)'\]|\.?\[(-?\d*):(-?\d*)\]|\.?\[(-?\d+)\]|\.((?:\\.|[^.[\]\s])+))/;

function parsePath(text: string): Result<readonly Step[], string> {
  const steps: Step[] = [];
  let rest = text.replace(/^[$@]/, '');
  if (rest === '.') rest = '';
  while (rest !== '') {
    const found = STEP.exec(rest);
    if (found === null) return fail(`${JSON.stringify(rest)} is no path`);
    const step = stepOf(found);
    if (!step.ok) return step;
    steps.push(step.value);
    rest = rest.slice(found[0].length);
  }
  return ok(steps);
}

function stepOf(found: RegExpExecArray): Result<Step, string> {
  const [whole, deep, tested, operator = '', value, quoted, from, to, index, plain] = found;
  if (deep !== undefined) return ok({ kind: 'deep', key: deep });
  if (tested !== undefined) {
    const path = parsePath(tested);
    return path.ok ? ok({ kind: 'test', path: path.value, operator, value: literal(value ?? '') }) : path;
  }
  if (quoted !== undefined) return ok({ kind: 'key', key: quoted });
  if (from !== undefined) {
    const end = to === undefined || to === '' ? undefined : Number(to);
    return ok({ kind: 'slice', from: Number(from), to: end });
  }
  if (index !== undefined) return ok({ kind: 'index', index: Number(index) });
  return ok(
    plain === undefined || whole.endsWith('*]')
      ? { kind: 'all' }
      : { kind: 'key', key: plain.replaceAll(/\\(.)/g, '$1') },
  );
}

function literal(text: string): unknown {
  const quoted = /^"([^"]*)"$|^'([^']*)'$/.exec(text);
  if (quoted) return quoted[1] ?? quoted[2];
  if (text === 'true' || text === 'false') return text === 'true';
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** The text that a template makes of a value; values that are not there are left out, several stand a space apart. */
export function renderJsonPath(template: JsonPathTemplate, value: unknown): string {
  return template
    .map(part => {
      if (part.kind === 'text') return part.text;
      const found = walk(value, part.path);
      return part.kind === 'path'
        ? found.map(textOf).join(' ')
        : found.map(item => renderJsonPath(part.body, item)).join('');
    })
    .join('');
}

function textOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? formatJson(value) : String(value);
}

function walk(value: unknown, path: readonly Step[]): readonly unknown[] {
  return path.reduce<readonly unknown[]>((at, step) => at.flatMap(one => take(one, step)), [value]);
}

function members(value: unknown): readonly unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}

function take(value: unknown, step: Step): readonly unknown[] {
  switch (step.kind) {
    case 'all':
      return members(value);
    case 'key': {
      const here = typeof value === 'object' && value !== null && Object.hasOwn(value, step.key);
      const found = here ? (value as Record<string, unknown>)[step.key] : undefined;
      return found === undefined || found === null ? [] : [found];
    }
    case 'index':
      return Array.isArray(value) ? value.slice(step.index).slice(0, 1) : [];
    case 'slice':
      return Array.isArray(value) ? value.slice(step.from, step.to) : [];
    case 'deep':
      return [
        ...take(value, { kind: 'key', key: step.key }),
        ...members(value).flatMap(one => take(one, step)),
      ];
    case 'test':
      return members(value).filter(one => passes(walk(one, step.path), step.operator, step.value));
  }
}

function passes([found]: readonly unknown[], operator: string, wanted: unknown): boolean {
  switch (operator) {
    case '==':
      return found === wanted;
    case '!=':
      return found !== wanted;
    case '<':
      return Number(found) < Number(wanted);
    case '<=':
      return Number(found) <= Number(wanted);
    case '>':
      return Number(found) > Number(wanted);
    case '>=':
      return Number(found) >= Number(wanted);
    default:
      return found !== undefined;
  }
}
