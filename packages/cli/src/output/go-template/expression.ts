import { fail, ok, type Result } from '@muslin/net';
import { didYouMean } from '../suggest.ts';
import { FUNCTIONS } from './functions.ts';

/** What a pipeline computes: commands, each given the value of the one before as its last argument. */
export interface Pipeline {
  /** `$x := …` declares, `$x = …` sets again; `range` may name two. */
  readonly names: readonly string[];
  readonly declares: boolean;
  readonly commands: readonly Command[];
}

/** A function with its arguments, or a single operand. */
export interface Command {
  readonly call: string | undefined;
  readonly operands: readonly Operand[];
}

/** A value, and the path from it. */
export interface Operand {
  readonly from:
    | { readonly kind: 'dot' }
    | { readonly kind: 'variable'; readonly name: string }
    | { readonly kind: 'value'; readonly value: unknown }
    | { readonly kind: 'pipeline'; readonly pipeline: Pipeline };
  readonly path: readonly string[];
}

const TOKEN =
  /\s*(?:("(?:\\.|[^"\\])*"|`[^`]*`|'(?:\\.|[^'\\])+')|(-?\d[\w.]*)|(\$\w*(?:\.\w[\w-]*)*|\)(?:\.\w[\w-]*)+|(?:\.\w[\w-]*)+|\.(?![\w.]))|(:=|[=,|()])|([A-Za-z_]\w*)|(\S+))/y;

/** Reads what stands in `{{…}}` after a keyword. */
export function parsePipeline(text: string): Result<Pipeline, string> {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let rest = text; rest.slice(TOKEN.lastIndex).trim() !== ''; rest = text) {
    const found = TOKEN.exec(rest);
    if (found === null || found[6] !== undefined)
      return fail(`${(found?.[6] ?? rest).trim()} is not read here`);
    tokens.push(found[0].trim());
  }
  const reader = new Reader(tokens);
  const pipeline = reader.pipeline();
  if (!pipeline.ok) return pipeline;
  return reader.next === undefined ? pipeline : fail(`${reader.next} stands where nothing may`);
}

/** Goes over the words of one action. */
class Reader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  get next(): string | undefined {
    return this.#tokens[this.#at];
  }

  pipeline(): Result<Pipeline, string> {
    const head = /^(\$\w+)(?: , (\$\w+))? (:=|=)(?: |$)/.exec(this.#tokens.slice(this.#at).join(' '));
    const names = head === null ? [] : [head[1], head[2]].filter(name => name !== undefined);
    if (head !== null) this.#at += names.length * 2;
    const commands: Command[] = [];
    do {
      const command = this.#command(commands.length > 0);
      if (!command.ok) return command;
      commands.push(command.value);
    } while (this.#take('|'));
    return ok({ names, declares: head?.[3] === ':=', commands });
  }

  #take(word: string): boolean {
    if (this.next !== word) return false;
    this.#at++;
    return true;
  }

  #command(piped: boolean): Result<Command, string> {
    const first = this.next;
    const named = first !== undefined && /^[A-Za-z_]\w*$/.test(first) && !isLiteral(first);
    if (named && !Object.hasOwn(FUNCTIONS, first))
      return fail(`there is no function ${first}.${didYouMean(first, Object.keys(FUNCTIONS))}`);
    if (named) this.#at++;
    const operands: Operand[] = [];
    while (this.next !== undefined && !/^[|,]$|^\)/.test(this.next)) {
      const operand = this.#operand();
      if (!operand.ok) return operand;
      operands.push(operand.value);
    }
    if (named) return ok({ call: first, operands });
    if (operands.length === 0)
      return fail(first === undefined ? 'an empty {{}}' : `${first} stands where a value should`);
    if (operands.length > 1 || piped) return fail('only a function may have arguments, or follow a |');
    return ok({ call: undefined, operands });
  }

  #operand(): Result<Operand, string> {
    const word = this.next ?? '';
    this.#at++;
    if (word === '(') {
      const pipeline = this.pipeline();
      if (!pipeline.ok) return pipeline;
      const close = this.next;
      if (close === undefined || !close.startsWith(')')) return fail('an unclosed (');
      this.#at++;
      return ok({ from: { kind: 'pipeline', pipeline: pipeline.value }, path: pathOf(close.slice(1)) });
    }
    if (word.startsWith('$')) {
      const [name = '$', ...path] = word.split('.');
      return ok({ from: { kind: 'variable', name }, path });
    }
    if (word.startsWith('.')) return ok({ from: { kind: 'dot' }, path: pathOf(word) });
    const value = literalOf(word);
    if (value.ok) return ok({ from: { kind: 'value', value: value.value }, path: [] });
    // A function without arguments stands for its value.
    if (Object.hasOwn(FUNCTIONS, word)) {
      const pipeline = { names: [], declares: false, commands: [{ call: word, operands: [] }] };
      return ok({ from: { kind: 'pipeline', pipeline }, path: [] });
    }
    return value;
  }
}

const pathOf = (text: string) => text.split('.').filter(Boolean);

const isLiteral = (word: string) => word === 'true' || word === 'false' || word === 'nil';

function literalOf(word: string): Result<unknown, string> {
  if (word.startsWith('`')) return ok(word.slice(1, -1));
  if (word === 'true' || word === 'false') return ok(word === 'true');
  if (word === 'nil') return ok(undefined);
  if (word.startsWith("'")) return ok(word.slice(1, -1).replace(/^\\/, '').codePointAt(0));
  if (!word.startsWith('"'))
    return /^-?\d/.test(word) && Number.isFinite(Number(word))
      ? ok(Number(word))
      : fail(`${word} is not read here`);
  try {
    return ok(JSON.parse(word));
  } catch {
    return fail(`${word} is no string`);
  }
}
