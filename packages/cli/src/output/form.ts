import { readFileSync } from 'node:fs';
import { fail, formatJson, ok, type Result } from '@muslin/net';
import { reasonOf } from '../files/walk.ts';
import { type GoTemplate, parseGoTemplate } from './go-template/parse.ts';
import { type JsonPathTemplate, parseJsonPath } from './json-path.ts';
import { didYouMean } from './suggest.ts';

/** How objects of the cluster are shown. */
export type OutputForm =
  | { readonly kind: 'table' | 'wide' | 'json' | 'yaml' | 'name' }
  | { readonly kind: 'custom-columns'; readonly columns: readonly CustomColumn[] }
  | { readonly kind: 'jsonpath'; readonly template: JsonPathTemplate }
  | { readonly kind: 'go-template'; readonly template: GoTemplate };

/** `HEAD:.spec.cidr`; without a path, a column of the kind's own table, as calicoctl has it. */
interface CustomColumn {
  readonly head: string;
  readonly path: string | undefined;
}

/** `ps` is what calicoctl calls its table. */
const WORDS: Readonly<Record<string, 'table' | 'wide' | 'json' | 'yaml' | 'name'>> = {
  table: 'table',
  ps: 'table',
  wide: 'wide',
  json: 'json',
  yaml: 'yaml',
  name: 'name',
};

/** Reads the value of `-o`. */
export function parseForm(text: string | undefined): Result<OutputForm, string> {
  if (text === undefined) return ok({ kind: 'table' });
  const word = Object.hasOwn(WORDS, text) ? WORDS[text] : undefined;
  if (word !== undefined) return ok({ kind: word });
  const path = /^jsonpath=(.*)$/s.exec(text)?.[1];
  if (path !== undefined) {
    const template = parseJsonPath(path);
    return template.ok
      ? ok({ kind: 'jsonpath', template: template.value })
      : fail(`-o jsonpath: ${template.fault}`);
  }
  const [, inFile, go] = /^(?:go-)?template(-file)?=(.*)$/s.exec(text) ?? [];
  if (go !== undefined) {
    const template = readTemplate(go, inFile !== undefined);
    return template.ok
      ? ok({ kind: 'go-template', template: template.value })
      : fail(`-o go-template: ${template.fault}`);
  }
  const custom = /^custom-columns=(.*)$/s.exec(text)?.[1];
  if (custom === undefined)
    return fail(
      `-o ${text}: choose json, yaml, wide, name, jsonpath={.path}, go-template={{.path}} or custom-columns=HEAD:.path,….${didYouMean(text, Object.keys(WORDS))}`,
    );
  const columns = custom.split(',').map(column => /^([^:]+)(?::(.+))?$/.exec(column.trim()));
  if (columns.some(column => column === null))
    return fail(
      `-o custom-columns: write HEAD:.path, as in custom-columns=NAME:.metadata.name,CIDR:.spec.cidr`,
    );
  return ok({
    kind: 'custom-columns',
    columns: columns.map(column => ({ head: column?.[1] ?? '', path: column?.[2] })),
  });
}

function readTemplate(text: string, inFile: boolean): Result<GoTemplate, string> {
  try {
    return parseGoTemplate(inFile ? readFileSync(text, 'utf8') : text);
  } catch (cause) {
    return fail(`${text}: ${reasonOf(cause)}`);
  }
}

/**
 * The values at a path as kubectl's custom columns know them, a part of JSONPath: `.a.b`, `[0]`, `[*]`,
 * `['key.with.dots']`; braces and the first dot may be left out. Joined with commas.
 */
export function valuesAtPath(value: unknown, path: string): string | undefined {
  const steps = path
    .replace(/^\{(.*)\}$/, '$1')
    .matchAll(/\['([^']*)'\]|\[(\*|\d+)\]|\.?((?:\\.|[^.[\]])+)/g);
  let at: readonly unknown[] = [value];
  for (const [, quoted, index, plain] of steps) {
    const key = quoted ?? index ?? plain?.replace(/\\(.)/g, '$1') ?? '';
    at = at.flatMap(one => {
      if (typeof one !== 'object' || one === null) return [];
      if (key === '*' && quoted === undefined) return Object.values(one);
      return Object.hasOwn(one, key) ? [(one as Record<string, unknown>)[key]] : [];
    });
  }
  const texts = at
    .filter(one => one !== undefined && one !== null)
    .map(one => (typeof one === 'object' ? formatJson(one) : String(one)));
  return texts.length === 0 ? undefined : texts.join(',');
}
