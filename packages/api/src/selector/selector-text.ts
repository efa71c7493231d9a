import type { Selector } from '../model/selector.ts';

const SIGN = {
  eq: '==',
  ne: '!=',
  contains: 'contains',
  startsWith: 'starts with',
  endsWith: 'ends with',
  in: 'in',
  notIn: 'not in',
} as const;

/**
 * Writes a selector as it stands, in the language of `parseSelector`. A value that holds both kinds of quotes has
 * no spelling there; its double quotes are written as they are and no parser will take the text.
 */
export function writeSelector(selector: Selector): string {
  switch (selector.op) {
    case 'all':
    case 'global':
      return `${selector.op}()`;
    case 'has':
      return `has(${selector.key})`;
    case 'eq':
    case 'ne':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return `${selector.key} ${SIGN[selector.op]} ${quoted(selector.value)}`;
    case 'in':
    case 'notIn':
      return `${selector.key} ${SIGN[selector.op]} {${selector.values.map(quoted).join(', ')}}`;
    case 'not':
      return `!${enclosed(selector.of)}`;
    case 'and':
      return selector.of.length === 0 ? 'all()' : selector.of.map(enclosed).join(' && ');
    case 'or':
      return selector.of.length === 0 ? '!all()' : selector.of.map(enclosed).join(' || ');
  }
}

function enclosed(selector: Selector): string {
  const text = writeSelector(selector);
  return selector.op === 'and' || selector.op === 'or' ? `(${text})` : text;
}

function quoted(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}
