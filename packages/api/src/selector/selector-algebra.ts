import { type Labels, RESERVED_LABELS, type Selector } from '../model/selector.ts';
import { normalSelector } from './normal-form.ts';
import { writeSelector } from './selector-text.ts';

/**
 * The canonical text of a selector: equal for all spellings that `normalSelector` makes equal, and
 * `parseSelector(formatSelector(s))` is `normalSelector(s)`.
 */
export function formatSelector(selector: Selector): string {
  return writeSelector(normalSelector(selector));
}

/** Whether the labels satisfy the selector. `global()` holds for objects without a namespace. */
export function matchesSelector(selector: Selector, labels: Labels): boolean {
  switch (selector.op) {
    case 'all':
      return true;
    case 'global':
      return !labels.has(RESERVED_LABELS.namespace);
    case 'has':
      return labels.has(selector.key);
    case 'eq':
      return labels.get(selector.key) === selector.value;
    case 'ne':
      return labels.get(selector.key) !== selector.value;
    case 'contains':
      return labels.get(selector.key)?.includes(selector.value) ?? false;
    case 'startsWith':
      return labels.get(selector.key)?.startsWith(selector.value) ?? false;
    case 'endsWith':
      return labels.get(selector.key)?.endsWith(selector.value) ?? false;
    case 'in':
    case 'notIn': {
      const value = labels.get(selector.key);
      return (value !== undefined && selector.values.includes(value)) === (selector.op === 'in');
    }
    case 'not':
      return !matchesSelector(selector.of, labels);
    case 'and':
      return selector.of.every(operand => matchesSelector(operand, labels));
    case 'or':
      return selector.of.some(operand => matchesSelector(operand, labels));
  }
}

/** All of the selectors at once, in normal form; of none: `all()`. */
export function andSelectors(...selectors: readonly Selector[]): Selector {
  const [only] = selectors;
  return selectors.length === 1 && only !== undefined
    ? normalSelector(only)
    : normalSelector({ op: 'and', of: selectors });
}

/**
 * Asks about a namespace's (`pcns.`) or service account's (`pcsa.`) labels on the endpoints that inherit them:
 * every key gets the prefix. `global()` becomes the absence of `projectcalico.org/namespace`.
 */
export function withPrefix(selector: Selector, prefix: string): Selector {
  return normalSelector(prefixed(selector, prefix));
}

function prefixed(selector: Selector, prefix: string): Selector {
  switch (selector.op) {
    case 'all':
      return selector;
    case 'global':
      return { op: 'not', of: { op: 'has', key: RESERVED_LABELS.namespace } };
    case 'not':
      return { op: 'not', of: prefixed(selector.of, prefix) };
    case 'and':
    case 'or':
      return { op: selector.op, of: selector.of.map(operand => prefixed(operand, prefix)) };
    default:
      return { ...selector, key: prefix + selector.key };
  }
}
