import type { Schema } from './schema.ts';

/** What is known of an expression: the most it costs, how long its value may be, its schema when it is a part of self. */
export interface Guess {
  readonly cost: number;
  /** Elements or bytes; Infinity when nothing is known. */
  readonly size: number;
  readonly schema?: Schema | undefined;
}

/** Texts and lists are read at this price for a byte or element (CEL, StringTraversalCostFactor). */
export const PER_BYTE = 0.1;

export function costOf(parts: readonly Guess[]): number {
  return parts.reduce((total, part) => total + part.cost, 0);
}

/** A regular expression costs this for a byte of its text (CEL, RegexStringLengthCostFactor). */
const PER_PATTERN_BYTE = 0.25;

const UNKNOWN = Number.POSITIVE_INFINITY;

interface Price {
  readonly cost: number;
  /** How long the answer may be; 1 for numbers and the like. */
  readonly size: number;
}

const read = (size: number, times = 1) => Math.ceil(size * times * PER_BYTE);
const parse = (_: Guess, text: Guess): Price => ({ cost: read(text.size), size: 1 });
const over = (of: Guess): Price => ({ cost: listStep(of), size: 1 });
const same = (of: Guess): Price => ({ cost: read(of.size), size: of.size });
const search = (of: Guess, pattern: Guess, size: number): Price => ({
  cost: read(of.size + 1) * Math.ceil(pattern.size * PER_PATTERN_BYTE),
  size,
});

/** A list is read element by element, each text in it to its end. */
function listStep(of: Guess): number {
  if (of.schema?.type !== 'array') return read(of.size);
  const item = of.schema.items;
  const text =
    item?.type === 'string' ? read(item.maxLength === undefined ? 3_145_726 : item.maxLength * 4) : 0;
  return of.size * (1 + text);
}

/**
 * The functions that cost more than one step: what is called on (or the first argument), then the arguments
 * (k8s.io/apiserver cel/library, CostEstimator; cel-go checker, functionCost). Where the real server forgets a price
 * (`cidr('…')` without a receiver) ours is the higher one.
 */
const PRICES: Readonly<Record<string, (of: Guess, first: Guess, second: Guess) => Price>> = {
  contains: (of, part) => ({ cost: read(of.size) * read(part.size), size: 1 }),
  startsWith: (_, part) => ({ cost: read(part.size), size: 1 }),
  endsWith: (_, part) => ({ cost: read(part.size), size: 1 }),
  matches: (of, pattern) => search(of, pattern, 1),
  find: (of, pattern) => search(of, pattern, of.size),
  findAll: (of, pattern) => search(of, pattern, of.size),
  lowerAscii: same,
  upperAscii: same,
  substring: same,
  trim: same,
  split: of => ({ cost: read(of.size, 2), size: of.size }),
  replace: (of, _, by) => ({ cost: read(of.size, 2), size: (of.size + 1) * by.size + of.size }),
  join: (of, separator) => {
    const item = of.schema?.items;
    const each = item?.maxLength === undefined ? 3_145_726 : item.maxLength * 4;
    const size = of.size * each + Math.max(0, of.size - 1) * separator.size;
    return { cost: read(size), size };
  },
  isSorted: over,
  sum: over,
  min: over,
  max: over,
  indexOf: over,
  lastIndexOf: over,
  isIP: parse,
  ip: parse,
  isCIDR: parse,
  cidr: parse,
  url: parse,
  isURL: parse,
  quantity: parse,
  isQuantity: parse,
  containsIP: (_, other) => ({ cost: 4 + read(other.size), size: 1 }),
  containsCIDR: (_, other) => ({ cost: 7 + read(other.size), size: 1 }),
  sets: (_, one, other) => ({ cost: one.size * other.size + 1, size: 1 }),
  string: () => ({ cost: 1, size: UNKNOWN }),
};

/** What a call costs with all that it is given. */
export function callCost(name: string, receiver: Guess | undefined, args: readonly Guess[]): Guess {
  const none: Guess = { cost: 0, size: 1 };
  const below = (receiver?.cost ?? 0) + costOf(args);
  const [first = none, second = none] = args;
  const price = PRICES[name]?.(receiver ?? first, first, second) ?? { cost: 1, size: 1 };
  return { cost: below + price.cost, size: price.size };
}
