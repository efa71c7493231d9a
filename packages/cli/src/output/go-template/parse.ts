import { fail, ok, type Result } from '@muslin/net';
import { piecesOf } from './action.ts';
import { type Pipeline, parsePipeline } from './expression.ts';

/** A part of a template that is ready to be filled in. */
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'show'; readonly pipeline: Pipeline }
  | { readonly kind: 'break' | 'continue' }
  | {
      readonly kind: 'range' | 'if' | 'with';
      readonly pipeline: Pipeline;
      readonly body: readonly Part[];
      readonly otherwise: readonly Part[];
    };

/** A template of Go's text/template, as kubectl takes it. */
export type GoTemplate = readonly Part[];

interface Open {
  readonly kind: 'range' | 'if' | 'with';
  readonly pipeline: Pipeline;
  readonly body: Part[];
  otherwise: Part[] | undefined;
  /** Made by `else if`: ends where the one around it ends. */
  readonly chained: boolean;
}

/**
 * Reads a template: paths, variables, literals, pipelines, parentheses, `range`, `if`, `with`, `else`, `break`, `continue`,
 * comments, trim marks, and the functions of `functions.ts`. Named templates (`define`) are not read.
 */
export function parseGoTemplate(text: string): Result<GoTemplate, string> {
  const pieces = piecesOf(text);
  if (!pieces.ok) return pieces;
  const root: Part[] = [];
  const open: Open[] = [];
  const into = () => open.at(-1)?.otherwise ?? open.at(-1)?.body ?? root;
  const close = () => {
    for (let done = open.pop(); done !== undefined; done = open.pop()) {
      const { kind, pipeline, body, otherwise = [] } = done;
      into().push({ kind, pipeline, body, otherwise });
      if (!done.chained) return;
    }
  };
  const begin = (kind: Open['kind'], expression: string, chained: boolean) => {
    const pipeline = parsePipeline(expression);
    if (pipeline.ok) open.push({ kind, pipeline: pipeline.value, body: [], otherwise: undefined, chained });
    return pipeline;
  };
  for (const piece of pieces.value) {
    if (piece.kind === 'text') {
      into().push(piece);
      continue;
    }
    const [, word = '', rest = ''] = /^([a-z]*)\b\s*([\s\S]*)$/.exec(piece.text) ?? [];
    const top = open.at(-1);
    if (word === 'range' || word === 'if' || word === 'with') {
      const begun = begin(word, rest, false);
      if (!begun.ok) return begun;
    } else if (word === 'else') {
      if (top === undefined || top.otherwise !== undefined)
        return fail('{{else}} without {{if}}, {{with}} or {{range}}');
      top.otherwise = [];
      const again = /^(if|with)\s+([\s\S]*)$/.exec(rest);
      if (again === null && rest !== '') return fail(`${rest} stands where nothing may`);
      const begun = again === null ? ok(undefined) : begin(again[1] as 'if' | 'with', again[2] ?? '', true);
      if (!begun.ok) return begun;
    } else if (word === 'end') {
      if (top === undefined) return fail('{{end}} without {{if}}, {{with}} or {{range}}');
      close();
    } else if (word === 'break' || word === 'continue') {
      if (!open.some(({ kind }) => kind === 'range')) return fail(`{{${word}}} outside {{range}}`);
      into().push({ kind: word });
    } else if (word === 'define' || word === 'template' || word === 'block')
      return fail(`{{${word}}} is not read here: write one template`);
    else {
      const pipeline = parsePipeline(piece.text);
      if (!pipeline.ok) return pipeline;
      into().push({ kind: 'show', pipeline: pipeline.value });
    }
  }
  const left = open.at(-1);
  return left === undefined ? ok(root) : fail(`{{${left.kind}}} without {{end}}`);
}
