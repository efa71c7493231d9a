import { fail, ok, type Result } from '@muslin/net';
import type { Selector } from '../model/selector.ts';
import { normalSelector } from './normal-form.ts';

/** Why a Kubernetes LabelSelector is not one; `path` is relative to it, such as `matchExpressions[0].values`. */
export interface LabelSelectorFault {
  readonly code: 'not-a-label-selector' | 'bad-key' | 'bad-value' | 'bad-operator' | 'bad-values';
  readonly path: string;
  readonly message: string;
}

/** A qualified name: an optional DNS prefix and `/`, then at most 63 characters (Kubernetes label syntax). */
const KEY = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

type Read = Result<Selector, LabelSelectorFault>;

/**
 * Reads a Kubernetes LabelSelector (meta/v1): `matchLabels` and `matchExpressions` all together. `{}` selects
 * everything; `NotIn` and `DoesNotExist` also match objects without the label. Takes any value, so that what a
 * server stored need not be trusted.
 */
export function selectorFromLabelSelector(labelSelector: unknown): Read {
  if (!isObject(labelSelector))
    return bad('not-a-label-selector', '', 'must be an object with matchLabels and matchExpressions');
  // Without what it says it would select more than was written.
  const strange = Object.keys(labelSelector).find(key => key !== 'matchLabels' && key !== 'matchExpressions');
  if (strange !== undefined)
    return bad('not-a-label-selector', strange, 'is neither matchLabels nor matchExpressions');
  const of: Selector[] = [];
  const matchLabels = labelSelector['matchLabels'] ?? {};
  if (!isObject(matchLabels)) return bad('not-a-label-selector', 'matchLabels', 'must be a map of strings');
  for (const [key, value] of Object.entries(matchLabels)) {
    const path = `matchLabels[${key}]`;
    const fault = keyFault(path, key) ?? valueFault(path, value);
    if (fault) return fault;
    of.push({ op: 'eq', key, value: value as string });
  }
  const expressions = labelSelector['matchExpressions'] ?? [];
  if (!Array.isArray(expressions)) return bad('not-a-label-selector', 'matchExpressions', 'must be a list');
  for (const [index, expression] of expressions.entries()) {
    const read = readExpression(expression, `matchExpressions[${index}]`);
    if (!read.ok) return read;
    of.push(read.value);
  }
  return ok(normalSelector({ op: 'and', of }));
}

function readExpression(expression: unknown, path: string): Read {
  if (!isObject(expression))
    return bad('not-a-label-selector', path, 'must be an object with key and operator');
  const { key, operator } = expression as { key?: unknown; operator?: unknown };
  const fault = keyFault(`${path}.key`, key);
  if (fault) return fault;
  const name = key as string;
  const values: unknown = expression['values'] ?? [];
  if (!Array.isArray(values)) return bad('bad-values', `${path}.values`, 'must be a list of strings');
  for (const [index, value] of values.entries()) {
    const fault = valueFault(`${path}.values[${index}]`, value);
    if (fault) return fault;
  }
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0)
        return bad('bad-values', `${path}.values`, `${operator} needs at least one value`);
      return ok({ op: operator === 'In' ? 'in' : 'notIn', key: name, values });
    case 'Exists':
    case 'DoesNotExist': {
      if (values.length > 0) return bad('bad-values', `${path}.values`, `${operator} takes no values`);
      const has: Selector = { op: 'has', key: name };
      return ok(operator === 'Exists' ? has : { op: 'not', of: has });
    }
    default:
      return bad('bad-operator', `${path}.operator`, 'must be In, NotIn, Exists or DoesNotExist');
  }
}

function keyFault(path: string, key: unknown) {
  return typeof key === 'string' && KEY.test(key)
    ? undefined
    : bad('bad-key', path, 'must be a label key, such as app or example.com/app');
}

function valueFault(path: string, value: unknown) {
  return typeof value === 'string' && VALUE.test(value)
    ? undefined
    : bad('bad-value', path, 'must be a label value: at most 63 letters, digits, "-", "_" and "."');
}

function bad(code: LabelSelectorFault['code'], path: string, message: string) {
  return fail({ code, path, message });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
