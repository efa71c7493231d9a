import type { ASTNode } from '@marcbachmann/cel-js';
import { fieldSchema, type Schema } from './schema.ts';

/** The macros that run their body once per element. */
const LOOPS = new Set(['all', 'exists', 'exists_one', 'map', 'filter', 'transformList', 'transformMap']);

/**
 * How deep loops nest in an expression: `a.all(x, b.exists(y, …))` is 2.
 * Walks the parser's nodes ({op, args}) without knowing every operator.
 */
export function nesting(node: unknown): number {
  if (Array.isArray(node)) return node.reduce<number>((most, item) => Math.max(most, nesting(item)), 0);
  if (typeof node !== 'object' || node === null) return 0;
  const { op, args } = node as { readonly op?: unknown; readonly args?: unknown };
  if (op === 'rcall' && Array.isArray(args) && LOOPS.has(String(args[0]))) {
    return Math.max(nesting(args[1]), 1 + nesting(args[2]));
  }
  return nesting(args);
}

/** Budgets of apiextensions (StaticEstimatedCostLimit, StaticEstimatedCRDCostLimit). */
export const RULE_BUDGET = 10_000_000;
export const DEFINITION_BUDGET = 100_000_000;

/** No request is larger, so no list or text in one is longer than this allows. */
const REQUEST_BYTES = 3 * 1024 * 1024;

/** What is known of an expression: its schema, and how many elements or characters it may have. */
interface Guess {
  readonly cost: number;
  readonly schema: Schema | undefined;
  readonly size: number;
}

type Scope = ReadonlyMap<string, Guess>;

/** The least bytes that a value of a schema takes in JSON. */
function leastBytes(schema: Schema | undefined): number {
  switch (schema?.type) {
    case 'boolean':
      return 4;
    case 'string':
    case 'array':
      return 2;
    case 'object': {
      const required = schema.required ?? [];
      return required.reduce((sum, name) => sum + name.length + 4 + leastBytes(schema.properties?.[name]), 2);
    }
    default:
      return 1;
  }
}

/** The most elements or characters that a value of a schema can have. */
export function mostElements(schema: Schema | undefined): number {
  switch (schema?.type) {
    case 'array':
      return schema.maxItems ?? Math.floor((REQUEST_BYTES - 2) / (leastBytes(schema.items) + 1));
    case 'object': {
      if (typeof schema.additionalProperties !== 'object') return 1;
      return (
        schema.maxProperties ??
        Math.floor((REQUEST_BYTES - 2) / (leastBytes(schema.additionalProperties) + 6))
      );
    }
    case 'string': {
      const longest = (schema.enum ?? []).reduce<number>(
        (most, item) => Math.max(most, String(item).length),
        0,
      );
      return longest > 0 ? longest : (schema.maxLength ?? REQUEST_BYTES - 2);
    }
    default:
      return 1;
  }
}

/** The estimated cost of one run of an expression over a value of `schema`, in CEL cost units. */
export function estimateCost(node: ASTNode, schema: Schema): number {
  const self: Guess = { cost: 1, schema, size: mostElements(schema) };
  return estimate(
    node,
    new Map([
      ['self', self],
      ['oldSelf', self],
    ]),
  ).cost;
}

const NOTHING: Guess = { cost: 0, schema: undefined, size: 1 };

function estimate(node: ASTNode, scope: Scope): Guess {
  const args = node.args as unknown;
  switch (node.op) {
    case 'value':
      return { ...NOTHING, size: typeof args === 'string' ? args.length : 1 };
    case 'id':
      return scope.get(String(args)) ?? NOTHING;
    case '.':
    case '.?': {
      const [object, name] = args as [ASTNode, string];
      return element(estimate(object, scope), guess =>
        fieldSchema(guess.schema, name.replace(/^__(\w+)__$/, '$1')),
      );
    }
    case '[]':
    case '[?]': {
      const [object, key] = args as [ASTNode, ASTNode];
      const found = element(estimate(object, scope), guess => itemSchema(guess.schema));
      return { ...found, cost: found.cost + estimate(key, scope).cost };
    }
    case 'rcall': {
      const [name, receiver, rest] = args as [string, ASTNode, readonly ASTNode[]];
      return LOOPS.has(name)
        ? loop(estimate(receiver, scope), rest, scope)
        : call(name, [receiver, ...rest], scope);
    }
    case 'call': {
      const [name, rest] = args as [string, readonly ASTNode[]];
      return name === 'has' ? { ...NOTHING, cost: 1 } : call(name, rest, scope);
    }
    case 'list':
      return { ...sum(args as readonly ASTNode[], scope), size: (args as readonly ASTNode[]).length };
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const [a, b] = (args as readonly ASTNode[]).map(item => estimate(item, scope)) as [Guess, Guess];
      return { ...NOTHING, cost: a.cost + b.cost + Math.ceil(0.1 * Math.min(a.size, b.size)) };
    }
    case 'in': {
      const [a, b] = (args as readonly ASTNode[]).map(item => estimate(item, scope)) as [Guess, Guess];
      return { ...NOTHING, cost: a.cost + b.cost + (b.schema?.type === 'object' ? 1 : b.size) };
    }
    default:
      return sum((Array.isArray(args) ? args.flat() : [args]) as readonly ASTNode[], scope);
  }
}

function sum(nodes: readonly ASTNode[], scope: Scope): Guess {
  const guesses = nodes
    .filter(item => typeof item === 'object' && item !== null)
    .map(item => estimate(item, scope));
  const size = guesses.reduce((most, guess) => Math.max(most, guess.size), 1);
  return { cost: guesses.reduce((total, guess) => total + guess.cost, 1), schema: undefined, size };
}

function element(of: Guess, find: (guess: Guess) => Schema | undefined): Guess {
  const schema = find(of);
  return { cost: of.cost + 1, schema, size: schema === undefined ? 1 : mostElements(schema) };
}

function itemSchema(schema: Schema | undefined): Schema | undefined {
  if (schema?.type === 'array') return schema.items;
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** A loop costs its body, and a few steps of its own, for each element. */
function loop(over: Guess, [variable, ...bodies]: readonly ASTNode[], scope: Scope): Guess {
  const isMap = over.schema?.type === 'object';
  const schema = isMap ? undefined : itemSchema(over.schema);
  const item: Guess = { cost: 1, schema, size: schema === undefined ? 1 : mostElements(schema) };
  const inner = new Map([...scope, [String(variable?.args), item] as const]);
  const body = bodies.reduce((total, node) => total + estimate(node, inner).cost, 0);
  return { cost: over.cost + over.size * (body + 3), schema: over.schema, size: over.size };
}

/** Functions that read their text, or list, from end to end. */
const READERS =
  /^(startsWith|endsWith|contains|matches|find|findAll|split|replace|indexOf|lowerAscii|upperAscii|isIP|ip|isCIDR|cidr|isURL|url|quantity|isQuantity|isSorted|sum|min|max|join|string|int|containsIP|containsCIDR)$/;

function call(name: string, nodes: readonly ASTNode[], scope: Scope): Guess {
  const guesses = nodes.map(node => estimate(node, scope));
  const first = guesses[0] ?? NOTHING;
  const below = guesses.reduce((total, guess) => total + guess.cost, 1);
  if (!READERS.test(name)) return { cost: below, schema: undefined, size: 1 };
  const pattern =
    name === 'matches' || name.startsWith('find') ? Math.ceil(0.25 * (guesses[1]?.size ?? 1)) : 1;
  const size = name === 'split' || name === 'findAll' ? first.size : 1;
  return { cost: below + Math.ceil(0.1 * first.size) * pattern, schema: undefined, size };
}
