import type { AnyObject } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { formatFileFault } from '../files/file-fault.ts';
import { loadFiles } from '../files/load.ts';
import { textOf } from '../files/text-of.ts';
import type { KindRow } from '../kinds/kind-row.ts';
import { kindNamed, unknownKind } from '../kinds/kinds.ts';
import type { Input } from '../verb.ts';
import type { Wanted } from './find-objects.ts';

/** One question: objects of a kind, by name or all, in a namespace or everywhere. */
export interface Question {
  readonly row: KindRow;
  readonly wanted: Wanted;
  readonly withNamespace: boolean;
}

/** A kind and the names that were asked for; no names: all. */
export interface Ask {
  readonly row: KindRow;
  readonly names: readonly string[];
}

/** `ippools`, `ippools a b`, `ippools,bgppeers`, `ippool/a bgppeer/b`: as kubectl reads its arguments. */
export function asksOf([kinds = '', ...names]: readonly string[]): Result<readonly Ask[], string> {
  const slashed = [kinds, ...names].filter(word => word.includes('/'));
  if (slashed.length > 0 && slashed.length === names.length + 1) return paired(slashed);
  if (slashed.length > 0 && !kinds.includes('/'))
    return fail(`${slashed[0]}: write KIND/NAME everywhere, or KIND NAME...`);
  // `ippool/a b`, as calicoctl's habits have it.
  const [kind = kinds, ...first] = kinds.split('/');
  const rows = rowsOf(kind);
  if (!rows.ok) return rows;
  return ok(rows.value.map(row => ({ row, names: [...first, ...names] })));
}

function paired(words: readonly string[]): Result<readonly Ask[], string> {
  const asks = new Map<KindRow, string[]>();
  for (const word of words) {
    const [kind = '', name = ''] = word.split('/');
    const row = kindNamed(kind);
    if (row === undefined) return fail(unknownKind(kind));
    asks.set(row, [...(asks.get(row) ?? []), name]);
  }
  return ok([...asks].map(([row, names]) => ({ row, names })));
}

function rowsOf(kinds: string): Result<readonly KindRow[], string> {
  const rows: KindRow[] = [];
  for (const kind of kinds.split(',')) {
    const row = kindNamed(kind);
    if (row === undefined) return fail(unknownKind(kind));
    rows.push(row);
  }
  return ok([...new Set(rows)]);
}

/** What to ask for the objects that files name, kind by kind in the order of the files. */
export async function questionsOfFiles(
  ctx: Context,
  input: Input,
  home: string,
): Promise<Result<readonly Question[], readonly string[]>> {
  const files = input.list('files');
  const stdin = files.includes('-') ? await textOf(ctx.stdin()) : undefined;
  const loaded = await loadFiles(files, stdin);
  if (loaded.faults.length > 0) return fail(loaded.faults.map(formatFileFault));
  const questions = new Map<string, Question & { readonly wanted: { readonly names: string[] } }>();
  for (const { object } of loaded.objects) {
    const row = kindNamed(object.kind);
    if (row === undefined) return fail([unknownKind(object.kind)]);
    const namespace = row.namespaced ? (object.metadata.namespace ?? home) : undefined;
    const key = `${object.kind}/${namespace}`;
    const wanted = { names: [], namespace, ...filtersOf(input) };
    const question = questions.get(key) ?? { row, wanted, withNamespace: row.namespaced };
    question.wanted.names.push(object.metadata.name ?? '');
    questions.set(key, question);
  }
  return ok([...questions.values()]);
}

/** Which objects of a kind are wanted, by the options of `get`. */
export function filtersOf(input: Input): Pick<Wanted, 'labelSelector' | 'fieldSelector' | 'pageSize'> {
  return {
    labelSelector: input.text('selector'),
    fieldSelector: input.text('fieldSelector'),
    pageSize: Number(input.text('chunkSize') ?? 500),
  };
}

/** Objects by what stands at a path: numbers by size, all else as text; those without a value come first, as kubectl has it. */
export function sortedBy(
  objects: readonly AnyObject[],
  placed: ((object: AnyObject) => string | undefined) | undefined,
): readonly AnyObject[] {
  if (placed === undefined) return objects;
  const keyed = objects.map(object => ({ object, key: placed(object) ?? '' }));
  const isNumber = (text: string) => text !== '' && Number.isFinite(Number(text));
  return keyed
    .sort(({ key: a }, { key: b }) =>
      isNumber(a) && isNumber(b) ? Number(a) - Number(b) : a < b ? -1 : Number(a > b),
    )
    .map(({ object }) => object);
}
