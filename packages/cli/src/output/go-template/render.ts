import { fail, ok, type Result } from '@muslin/net';
import type { Command, Operand, Pipeline } from './expression.ts';
import { formatGo } from './format.ts';
import { FUNCTIONS } from './functions.ts';
import type { GoTemplate, Part } from './parse.ts';
import { entriesOf, isTrue, memberOf, TemplateFault } from './value.ts';

/** The text that a template makes of a value; what is not there is `<no value>`. The fault says what can't be computed. */
export function renderGoTemplate(template: GoTemplate, value: unknown): Result<string, string> {
  const out: string[] = [];
  try {
    renderAll(template, { dot: value, names: new Map([['$', value]]), around: undefined }, out);
  } catch (cause) {
    if (cause instanceof TemplateFault) return fail(cause.message);
    throw cause;
  }
  return ok(out.join(''));
}

/** What a part of a template sees: `.`, and the variables of the blocks around it. */
interface Scope {
  readonly dot: unknown;
  readonly names: Map<string, unknown>;
  readonly around: Scope | undefined;
}

/** How a block ended: at its end, or by a word for the loop around it. */
type End = 'end' | 'break' | 'continue';

function renderAll(parts: readonly Part[], scope: Scope, out: string[]): End {
  for (const part of parts) {
    const end = render(part, scope, out);
    if (end !== 'end') return end;
  }
  return 'end';
}

function render(part: Part, scope: Scope, out: string[]): End {
  switch (part.kind) {
    case 'text':
      out.push(part.text);
      return 'end';
    case 'break':
    case 'continue':
      return part.kind;
    case 'show': {
      const found = compute(part.pipeline, scope);
      if (part.pipeline.names.length > 0) name(part.pipeline, [found], scope);
      else out.push(formatGo(found));
      return 'end';
    }
    case 'if':
    case 'with': {
      const found = compute(part.pipeline, scope);
      const inner = inside(scope, part.kind === 'with' && isTrue(found) ? found : scope.dot);
      name(part.pipeline, [found], inner);
      return renderAll(isTrue(found) ? part.body : part.otherwise, inner, out);
    }
    case 'range':
      return renderRange(part, scope, out);
  }
}

function renderRange(
  part: Part & { readonly kind: 'range' | 'if' | 'with' },
  scope: Scope,
  out: string[],
): End {
  const entries = entriesOf(compute(part.pipeline, scope));
  if (entries.length === 0) return renderAll(part.otherwise, inside(scope, scope.dot), out);
  for (const [key, member] of entries) {
    const inner = inside(scope, member);
    name(part.pipeline, part.pipeline.names.length === 1 ? [member] : [key, member], inner);
    if (renderAll(part.body, inner, out) === 'break') break;
  }
  return 'end';
}

const inside = (around: Scope, dot: unknown): Scope => ({ dot, names: new Map(), around });

/** Gives the variables of a pipeline their values. */
function name({ names, declares }: Pipeline, values: readonly unknown[], scope: Scope): void {
  names.forEach((each, i) => {
    (declares ? scope : holderOf(each, scope)).names.set(each, values[i]);
  });
}

function holderOf(name: string, scope: Scope): Scope {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.around) if (at.names.has(name)) return at;
  throw new TemplateFault(`there is no variable ${name}`);
}

function compute({ commands }: Pipeline, scope: Scope): unknown {
  return commands.reduce<unknown>(
    (before, command, i) => runCommand(command, scope, i === 0 ? [] : [before]),
    undefined,
  );
}

function runCommand({ call, operands }: Command, scope: Scope, last: readonly unknown[]): unknown {
  const [only] = operands;
  if (call === undefined) return only === undefined ? undefined : resolve(only, scope);
  if (call === 'and' || call === 'or') return firstThat(call, operands, scope, last);
  return FUNCTIONS[call]?.(...operands.map(each => resolve(each, scope)), ...last);
}

/** `and` and `or` look at no more than they need. */
function firstThat(
  call: 'and' | 'or',
  operands: readonly Operand[],
  scope: Scope,
  last: readonly unknown[],
): unknown {
  let found: unknown;
  for (const each of operands) {
    found = resolve(each, scope);
    if (isTrue(found) === (call === 'or')) return found;
  }
  return last.length > 0 ? last[0] : found;
}

function resolve({ from, path }: Operand, scope: Scope): unknown {
  return path.reduce<unknown>(memberOf, start(from, scope));
}

function start(from: Operand['from'], scope: Scope): unknown {
  switch (from.kind) {
    case 'dot':
      return scope.dot;
    case 'value':
      return from.value;
    case 'variable':
      return holderOf(from.name, scope).names.get(from.name);
    case 'pipeline':
      return compute(from.pipeline, scope);
  }
}
