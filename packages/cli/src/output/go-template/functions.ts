import { formatGo, formatWith } from './format.ts';
import { isTrue, memberOf, TemplateFault } from './value.ts';

/** Functions of Go's text/template that need all their arguments, and those that kubectl adds. */
export const FUNCTIONS: Readonly<Record<string, (...args: readonly unknown[]) => unknown>> = {
  and: (...args) => args.find(each => !isTrue(each)) ?? args.at(-1),
  or: (...args) => args.find(isTrue) ?? args.at(-1),
  not: value => !isTrue(value),
  len: lengthOf,
  index: (value, ...keys) => keys.reduce(indexed, value),
  slice: (value, from = 0, to = undefined) =>
    sliced(value, Number(from), to === undefined ? undefined : Number(to)),
  print: (...args) =>
    args
      .map((each, i) =>
        i > 0 && !isText(each) && !isText(args[i - 1]) ? ` ${formatGo(each)}` : formatGo(each),
      )
      .join(''),
  println: (...args) => `${args.map(each => formatGo(each)).join(' ')}\n`,
  printf: (format, ...args) => formatWith(String(format), args),
  html: (...args) => escaped(args.map(each => formatGo(each)).join(''), HTML),
  js: (...args) => escaped(args.map(each => formatGo(each)).join(''), SCRIPT),
  urlquery: (...args) =>
    new URLSearchParams({ '': args.map(each => formatGo(each)).join('') }).toString().slice(1),
  eq: (first, ...others) => others.some(each => compared('eq', first, each) === 0),
  ne: (a, b) => compared('ne', a, b) !== 0,
  lt: (a, b) => compared('lt', a, b) < 0,
  le: (a, b) => compared('le', a, b) <= 0,
  gt: (a, b) => compared('gt', a, b) > 0,
  ge: (a, b) => compared('ge', a, b) >= 0,
  exists: (value, ...keys) => keys.reduce<unknown>((at, key) => memberOf(at, key), value) !== undefined,
  base64decode: text => {
    if (!isText(text) || !BASE64.test(text.replaceAll(/[\r\n]/g, '')))
      throw new TemplateFault(`base64decode: ${formatGo(text)} is no base64`);
    return Buffer.from(text, 'base64').toString();
  },
};

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const HTML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};
const SCRIPT: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '"': '\\"',
  '<': '\\u003C',
  '>': '\\u003E',
  '&': '\\u0026',
  '=': '\\u003D',
  '\n': '\\u000A',
};

const escaped = (text: string, table: Readonly<Record<string, string>>) =>
  text.replaceAll(/[&<>'"\\=\n]/g, letter => table[letter] ?? letter);

const isText = (value: unknown): value is string => typeof value === 'string';

function lengthOf(value: unknown): number {
  if (isText(value)) return Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null)
    throw new TemplateFault(`len of ${formatGo(value)}: it has no length`);
  return Array.isArray(value) ? value.length : Object.keys(value).length;
}

function indexed(value: unknown, key: unknown): unknown {
  if (Array.isArray(value) && typeof key === 'number' && (key < 0 || key >= value.length))
    throw new TemplateFault(`index out of range: ${key}`);
  return memberOf(value, key);
}

function sliced(value: unknown, from: number, to: number | undefined): unknown {
  if (!Array.isArray(value) && !isText(value))
    throw new TemplateFault(`slice of ${formatGo(value)}: it is no list`);
  if (from < 0 || from > value.length || (to ?? 0) > value.length || (to ?? from) < from)
    throw new TemplateFault(`slice index out of range: ${to ?? from}`);
  return value.slice(from, to);
}

/** What is not there equals nothing but what is not there. */
function compared(name: string, a: unknown, b: unknown): number {
  if (a === undefined || a === null || b === undefined || b === null) {
    if (name !== 'eq' && name !== 'ne') throw new TemplateFault(`${name}: one side is not there`);
    return (a ?? undefined) === (b ?? undefined) ? 0 : 1;
  }
  if (typeof a !== typeof b || typeof a === 'object')
    throw new TemplateFault(`${name}: ${formatGo(a)} and ${formatGo(b)} can't be compared`);
  if (a === b) return 0;
  return (a as string | number) < (b as string | number) ? -1 : 1;
}
