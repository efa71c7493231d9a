import type { ASTNode } from '@marcbachmann/cel-js';
import { callCost, costOf, type Guess, PER_BYTE } from './cel-call-cost.ts';
import { mostElements } from './cel-size.ts';
import type { Schema } from './schema.ts';

/** Budgets of apiextensions (StaticEstimatedCostLimit, StaticEstimatedCRDCostLimit). */
export const RULE_BUDGET = 10_000_000;
export const DEFINITION_BUDGET = 100_000_000;

type Scope = ReadonlyMap<string, Guess>;

/** A list, a map or a message that an expression makes (CEL, ListCreateBaseCost, MapCreateBaseCost). */
const LIST = 10;
const MAP = 30;

/**
 * The most that one run of an expression over a value of `schema` costs, in CEL units, as the API server estimates it
 * (cel-go checker.Cost, with Kubernetes' sizes and function costs).
 */
export function estimateCost(node: ASTNode, schema: Schema): number {
  const self = partOf(0, schema);
  return estimate(
    node,
    new Map([
      ['self', self],
      ['oldSelf', self],
    ]),
  ).cost;
}

function partOf(cost: number, schema: Schema | undefined): Guess {
  return { cost, schema, size: schema === undefined ? Number.POSITIVE_INFINITY : mostElements(schema) };
}

function estimate(node: ASTNode, scope: Scope): Guess {
  const args = node.args as unknown;
  switch (node.op) {
    case 'value':
      return { cost: 0, size: literalSize(args) };
    case 'id':
      return { ...(scope.get(String(args)) ?? unknown(0)), cost: 1 };
    case '.':
    case '.?': {
      const [object, name] = args as [ASTNode, string];
      return select(estimate(object, scope), name.replace(/^__(\w+)__$/, '$1'));
    }
    case '[]':
    case '[?]': {
      const [object, key] = (args as readonly ASTNode[]).map(item => estimate(item, scope)) as [Guess, Guess];
      const item = itemSchema(object.schema);
      return partOf(object.cost + key.cost + 1, item);
    }
    case 'rcall': {
      const [name, receiver, rest] = args as [string, ASTNode, readonly ASTNode[]];
      if (receiver.op === 'id' && receiver.args === 'sets')
        return callCost('sets', undefined, guesses(rest, scope));
      const over = estimate(receiver, scope);
      return LOOPS.has(name) ? loop(name, over, rest, scope) : callCost(name, over, guesses(rest, scope));
    }
    case 'call': {
      const [name, rest] = args as [string, readonly ASTNode[]];
      if (name === 'has') return presence(rest[0] as ASTNode, scope);
      return callCost(name, undefined, guesses(rest, scope));
    }
    case 'list':
      return {
        cost: LIST + costOf(guesses(args as readonly ASTNode[], scope)),
        size: (args as readonly ASTNode[]).length,
      };
    case 'map': {
      const entries = (args as readonly (readonly ASTNode[])[]).flat();
      return { cost: MAP + costOf(guesses(entries, scope)), size: entries.length / 2 };
    }
    default:
      return operate(node.op, guesses((Array.isArray(args) ? args : [args]) as readonly ASTNode[], scope));
  }
}

function guesses(nodes: readonly ASTNode[], scope: Scope): readonly Guess[] {
  return nodes.map(item => estimate(item, scope));
}

function unknown(cost: number): Guess {
  return { cost, size: Number.POSITIVE_INFINITY };
}

function literalSize(value: unknown): number {
  if (typeof value === 'string') return [...value].length;
  return value instanceof Uint8Array ? value.length : 1;
}

/** has(a.b) costs what a costs, and one step. */
function presence(node: ASTNode, scope: Scope): Guess {
  const [object] = node.args as unknown as [ASTNode, string];
  return { cost: 1 + estimate(object, scope).cost, size: 1 };
}

/** A field of an object. Of a map, `m.key` says nothing of where it leads, only of which type it is. */
function select(object: Guess, name: string): Guess {
  const cost = object.cost + 1;
  const field = object.schema?.properties?.[name];
  if (field !== undefined) return partOf(cost, field);
  const value = itemSchema(object.schema);
  const scalar = value?.type === 'integer' || value?.type === 'number' || value?.type === 'boolean';
  return scalar ? { cost, size: 1 } : unknown(cost);
}

function itemSchema(schema: Schema | undefined): Schema | undefined {
  if (schema?.type === 'array') return schema.items;
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

function operate(op: string, parts: readonly Guess[]): Guess {
  const below = costOf(parts);
  const [a, b, c] = parts;
  switch (op) {
    case '&&':
    case '||':
      return { cost: below, size: 1 };
    case '?:':
      return {
        cost: (a?.cost ?? 0) + Math.max(b?.cost ?? 0, c?.cost ?? 0),
        size: Math.max(b?.size ?? 1, c?.size ?? 1),
      };
    case '==':
    case '!=':
      return { cost: below + Math.ceil(PER_BYTE * Math.min(a?.size ?? 1, b?.size ?? 1)), size: 1 };
    case '<':
    case '<=':
    case '>':
    case '>=':
      // Numbers cost one step, texts as much as the shorter one.
      return {
        cost: below + Math.max(1, Math.ceil(PER_BYTE * Math.min(a?.size ?? 1, b?.size ?? 1))),
        size: 1,
      };
    case 'in':
      return {
        cost: below + (itemSchema(b?.schema) && b?.schema?.type === 'object' ? 1 : (b?.size ?? 1)),
        size: 1,
      };
    case '+': {
      const size = (a?.size ?? 0) + (b?.size ?? 0);
      return { cost: below + Math.max(1, Math.ceil(PER_BYTE * size)), size };
    }
    case '-_':
      return { cost: below + (below === 0 ? 0 : 1), size: 1 };
    default:
      return { cost: below + 1, size: 1 };
  }
}

/**
 * What a macro costs beside its body: to begin, for each element, and to end; from the loops that CEL makes of them
 * (`all`: `@result && body` while `@not_strictly_false(@result)`).
 */
const LOOPS: ReadonlyMap<string, readonly [begin: number, each: number, end: number]> = new Map([
  ['all', [0, 3, 1]],
  ['exists', [0, 4, 1]],
  ['exists_one', [0, 2, 2]],
  ['existsOne', [0, 2, 2]],
  ['map', [LIST, 2 + LIST, 1]],
  ['filter', [LIST, 3 + LIST, 1]],
  ['transformList', [LIST, 2 + LIST, 1]],
  ['transformMap', [MAP, 3, 1]],
]);

function loop(name: string, over: Guess, parts: readonly ASTNode[], scope: Scope): Guess {
  const [begin, each, end] = LOOPS.get(name) ?? [0, 0, 0];
  const two = name.startsWith('transform') || (parts.length === 3 && name !== 'map' && name !== 'filter');
  const value = partOf(1, itemSchema(over.schema));
  const key: Guess = { cost: 1, size: over.schema?.type === 'object' ? 0 : 1 };
  const isMap = over.schema?.type === 'object';
  const variables = two ? [key, value] : [isMap ? key : value];
  const inner = new Map([...scope, ...variables.map((guess, i) => [String(parts[i]?.args), guess] as const)]);
  const body = costOf(guesses(parts.slice(variables.length), inner));
  return { cost: over.cost + begin + over.size * (each + body) + end, size: begin === 0 ? 1 : over.size };
}

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
