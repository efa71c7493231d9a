import { fail, ok, type Result } from '@muslin/net';
import { qualifiedNameFaults } from '../kinds/name.ts';
import { badRequest, type Status } from '../status.ts';

export type Labels = Readonly<Record<string, string>>;

interface Requirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt';
  readonly values: readonly string[];
}

/** A parsed `labelSelector` parameter; an empty one matches everything. */
export type LabelSelector = readonly Requirement[];

const KEY = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const TOKEN = /\s*(==|!=|[=,()!<>]|[^\s=,()!<>]+)/gy;

/**
 * Parses `a=b,c!=d,e in (x,y),!f,g` (Kubernetes, Labels and Selectors).
 * @returns 400 with the text of the real server for what is no selector
 */
export function parseLabelSelector(text: string): Result<LabelSelector, Status> {
  const tokens = [...text.trim().matchAll(TOKEN)].map(match => match[1] as string);
  const requirements: Requirement[] = [];
  let i = 0;
  const bad = (found: string | undefined, expected: string) =>
    fail(badRequest(`unable to parse requirement: found '${found ?? ''}', expected: ${expected}`));
  while (i < tokens.length) {
    const negated = tokens[i] === '!';
    if (negated) i++;
    const key = tokens[i++] ?? '';
    if (!KEY.test(key) && !/^[=,()!<>]|^$/.test(key)) {
      const [why = ''] = qualifiedNameFaults(key);
      const said = `<nil>: Invalid value: ${JSON.stringify(key)}: ${why}`;
      return fail(badRequest(`unable to parse requirement: ${said}`));
    }
    if (!KEY.test(key)) {
      return fail(badRequest(`found '${key}', expected: !, identifier, or 'end of string'`));
    }
    const operator = tokens[i];
    if (negated || operator === undefined || operator === ',') {
      requirements.push({ key, operator: negated ? 'absent' : 'exists', values: [] });
    } else if (operator === 'in' || operator === 'notin') {
      i++;
      if (tokens[i++] !== '(') return bad(tokens[i - 1], "'('");
      const values: string[] = [];
      while (i < tokens.length && tokens[i] !== ')') {
        if (tokens[i] !== ',') values.push(tokens[i] as string);
        i++;
      }
      if (tokens[i++] !== ')') return bad(tokens[i - 1], "',' or ')'");
      requirements.push({ key, operator, values });
    } else if (/^(==?|!=|<|>)$/.test(operator)) {
      i++;
      const next = tokens[i];
      const value = next === undefined || next === ',' ? '' : (tokens[i++] as string);
      const kinds = { '=': 'in', '==': 'in', '!=': 'notin', '<': 'lt', '>': 'gt' } as const;
      requirements.push({ key, operator: kinds[operator as '='], values: [value] });
    } else return bad(operator, 'in, notin, =, ==, !=, gt, lt');
    if (i < tokens.length && tokens[i++] !== ',')
      return fail(badRequest(`found '${tokens[i - 1]}', expected: ',' or 'end of string'`));
  }
  return ok(requirements);
}

/** `notin` and `!=` also match objects without the key. */
export function labelsMatch(selector: LabelSelector, labels: Labels): boolean {
  return selector.every(({ key, operator, values }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    switch (operator) {
      case 'exists':
        return value !== undefined;
      case 'absent':
        return value === undefined;
      case 'in':
        return value !== undefined && values.includes(value);
      case 'notin':
        return value === undefined || !values.includes(value);
      case 'gt':
        return value !== undefined && Number(value) > Number(values[0]);
      case 'lt':
        return value !== undefined && Number(value) < Number(values[0]);
      default:
        return operator satisfies never;
    }
  });
}
