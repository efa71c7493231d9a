import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Question, Scene } from '../question.ts';
import { definitionOf, headOf, pathOf } from './definitions.ts';

const FILE = new URL('../../../packages/cli/test/objects/calico-objects.txt', import.meta.url);

/** The objects that Calico users write, with the marks of that file: what is to be taken, and what refused. */
export function calicoObjectsScene(): Scene {
  return { name: 'calico-objects', questions: [...questions()] };
}

function* questions(): IterableIterator<Question> {
  let kind = '';
  for (const line of readFileSync(FILE, 'utf8').split('\n')) {
    if (line.startsWith('## ')) kind = line.slice(3);
    const [, mark, name = 'x', spec] = /^([-+~]) (?:@(\S+) )?(\{.*)$/.exec(line) ?? [];
    if (mark === undefined || spec === undefined) continue;
    const definition = definitionOf(kind);
    yield {
      say: `${kind} ${line}`,
      method: 'POST',
      path: `${pathOf(definition)}?dryRun=All&fieldValidation=Strict`,
      body: { ...headOf(definition, name), spec: parse(spec) },
      brief: true,
    };
  }
}
