import type { Context } from '../context.ts';
import { GLOBAL } from '../options.ts';
import type { Input, Verb, VerbOption } from '../verb.ts';
import { namesFor } from './names.ts';

/** A word that may come next, and what it is. */
export interface Candidate {
  readonly word: string;
  readonly summary: string;
}

/** What may stand where the last word is being typed. Never a fault: a shell has nowhere to show one. */
export async function candidates(
  ctx: Context,
  input: Input,
  verbs: readonly Verb[],
): Promise<readonly Candidate[]> {
  const typed = input.args;
  const current = typed.at(-1) ?? '';
  const before = typed.slice(0, -1);
  const shown = verbs.filter(verb => !verb.hidden);
  const verb = shown.find(({ name }) => name.split(' ').every((word, i) => before[i] === word));
  const all =
    verb === undefined ? firstWords(shown, before) : await afterVerb(ctx, input, verb, before, current);
  return all.filter(({ word }) => word.startsWith(current));
}

/** Verbs, or the second words of a group. */
function firstWords(verbs: readonly Verb[], before: readonly string[]): readonly Candidate[] {
  const found = new Map<string, string>();
  for (const { name, summary } of verbs) {
    const words = name.split(' ');
    if (!before.every((word, i) => words[i] === word)) continue;
    const word = words[before.length];
    if (word !== undefined) found.set(word, words.length === before.length + 1 ? summary : '');
  }
  return [...found].map(([word, summary]) => ({ word, summary }));
}

async function afterVerb(
  ctx: Context,
  input: Input,
  verb: Verb,
  before: readonly string[],
  current: string,
): Promise<readonly Candidate[]> {
  const options = [...verb.options, ...GLOBAL];
  const asked = options.find(
    ({ flags }) => flags.includes('<') && spellings(flags).includes(before.at(-1) ?? ''),
  );
  if (asked !== undefined && spellings(asked.flags).includes('--node'))
    return (await namesFor(ctx, input, 'get', ['nodes'])).map(word => ({ word, summary: '' }));
  if (asked !== undefined) return (asked.choices ?? []).map(word => ({ word, summary: '' }));
  if (current.startsWith('-'))
    return options
      .filter(option => !option.hidden)
      .map(({ flags, summary }) => ({ word: spellings(flags).at(-1) ?? '', summary }));
  const { words, given } = split(before.slice(verb.name.split(' ').length), options);
  const asTyped: Input = { ...input, text: name => given.get(name) ?? input.text(name) };
  return (await namesFor(ctx, asTyped, verb.name, words)).map(word => ({ word, summary: '' }));
}

/** What was typed so far: arguments, and what options were given, so that names come from that cluster and namespace. */
function split(
  typed: readonly string[],
  options: readonly VerbOption[],
): { readonly words: readonly string[]; readonly given: ReadonlyMap<string, string> } {
  const words: string[] = [];
  const given = new Map<string, string>();
  for (let i = 0; i < typed.length; i++) {
    const word = typed[i] ?? '';
    if (!word.startsWith('-')) {
      words.push(word);
      continue;
    }
    const [spelling = '', value] = word.split('=', 2);
    const option = options.find(({ flags }) => flags.includes('<') && spellings(flags).includes(spelling));
    const long = option && spellings(option.flags).at(-1)?.slice(2);
    if (long === undefined) continue;
    given.set(long, value ?? typed[++i] ?? '');
  }
  return { words, given };
}

/** `-n` and `--namespace` of `-n, --namespace <name>`. */
function spellings(flags: string): readonly string[] {
  return flags.split(/[ ,]+/).filter(part => part.startsWith('-'));
}
