import { RESERVED_LABELS, type Selector } from '@muslin/api';

/** A label that must be there; `value` undefined: with any value. */
export interface Anchor {
  readonly key: string;
  readonly value: string | undefined;
}

/**
 * Ways to find what a selector can match without asking everything: each way is a list of anchors of which whatever
 * matches bears at least one. No way at all: it may match anything.
 */
export function anchorsOf(selector: Selector): readonly (readonly Anchor[])[] {
  switch (selector.op) {
    case 'eq':
      return [[{ key: selector.key, value: selector.value }]];
    case 'in':
      return [selector.values.map(value => ({ key: selector.key, value }))];
    case 'has':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return [[{ key: selector.key, value: undefined }]];
    case 'and':
      return selector.of.flatMap(anchorsOf);
    case 'or': {
      const ways = selector.of.map(operand => anchorsOf(operand)[0]);
      return ways.every(way => way !== undefined) ? [ways.flat()] : [];
    }
    default:
      return [];
  }
}

/** The way with the least total cost; undefined when there is none. */
export function cheapest(
  ways: readonly (readonly Anchor[])[],
  cost: (anchor: Anchor) => number,
): readonly Anchor[] | undefined {
  let best: readonly Anchor[] | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const way of ways) {
    const total = way.reduce((sum, anchor) => sum + cost(anchor), 0);
    if (best === undefined || total < least) [best, least] = [way, total];
  }
  return best;
}

/** Every label key that the selector looks at. */
export function keysOf(selector: Selector, keys = new Set<string>()): Set<string> {
  switch (selector.op) {
    case 'all':
      break;
    case 'global':
      keys.add(RESERVED_LABELS.namespace);
      break;
    case 'and':
    case 'or':
      for (const part of selector.of) keysOf(part, keys);
      break;
    case 'not':
      keysOf(selector.of, keys);
      break;
    default:
      keys.add(selector.key);
  }
  return keys;
}
