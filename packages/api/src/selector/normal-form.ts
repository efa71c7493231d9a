import { ALL, RESERVED_LABELS, type Selector } from '../model/selector.ts';
import { writeSelector } from './selector-text.ts';

/** Selects nothing. */
export const NOTHING: Selector = { op: 'not', of: ALL };

const DUAL = { eq: 'ne', ne: 'eq', in: 'notIn', notIn: 'in', and: 'or', or: 'and' } as const;

/**
 * The one form of all selectors that differ only in spelling, so that equal ones share a member set on every node.
 *
 * Negation is pushed inwards (`!(a == "x" && has(b))` is `!has(b) || a != "x"`); `and` and `or` are flat, have at least
 * two operands, sorted by their text, without repeats; `in` has at least two values, sorted; what is always or never
 * true is `all()` or `!all()`; a `global()` inside another expression becomes `!has(projectcalico.org/namespace)`.
 */
export function normalSelector(selector: Selector): Selector {
  return selector.op === 'global' ? selector : normal(selector, false);
}

/** Whether a selector in normal form selects nothing whatever the labels. */
export function isNothing(selector: Selector): boolean {
  return selector.op === 'not' && selector.of.op === 'all';
}

function normal(selector: Selector, negative: boolean): Selector {
  switch (selector.op) {
    case 'all':
      return negative ? NOTHING : ALL;
    case 'global':
      return normal({ op: 'has', key: RESERVED_LABELS.namespace }, !negative);
    case 'not':
      return normal(selector.of, !negative);
    case 'eq':
    case 'ne':
      return { op: negative ? DUAL[selector.op] : selector.op, key: selector.key, value: selector.value };
    case 'in':
    case 'notIn':
      return normalSet(negative ? DUAL[selector.op] : selector.op, selector.key, selector.values);
    case 'and':
    case 'or': {
      const operands = selector.of.map(operand => normal(operand, negative));
      return normalList(negative ? DUAL[selector.op] : selector.op, operands);
    }
    default:
      return negative ? { op: 'not', of: selector } : selector;
  }
}

function normalSet(op: 'in' | 'notIn', key: string, values: readonly string[]): Selector {
  const sorted = [...new Set(values)].sort();
  const [only] = sorted;
  if (only === undefined) return op === 'in' ? NOTHING : ALL;
  return sorted.length > 1
    ? { op, key, values: sorted }
    : { op: op === 'in' ? 'eq' : 'ne', key, value: only };
}

function normalList(op: 'and' | 'or', operands: readonly Selector[]): Selector {
  const byText = new Map<string, Selector>();
  for (const operand of operands) {
    for (const part of operand.op === op ? operand.of : [operand]) {
      if (part.op === 'all') {
        if (op === 'or') return ALL;
      } else if (isNothing(part)) {
        if (op === 'and') return NOTHING;
      } else byText.set(writeSelector(part), part);
    }
  }
  const of = [...byText.keys()].sort().map(text => byText.get(text) as Selector);
  return of.length > 1 ? { op, of } : (of[0] ?? (op === 'and' ? ALL : NOTHING));
}
