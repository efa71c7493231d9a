import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import type { Context } from '../context.ts';
import { formatFileFault } from '../files/file-fault.ts';
import { loadFiles } from '../files/load.ts';
import { textOf } from '../files/text-of.ts';
import type { KindRow } from '../kinds/kind-row.ts';
import { kindNamed, unknownKind } from '../kinds/kinds.ts';
import { type OutputForm, parseForm } from '../output/form.ts';
import { GrowingTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';
import { connect } from './connect.ts';
import { findObjects, type Wanted } from './find-objects.ts';
import { columnsOf, type ShowOptions, showObjects } from './show-objects.ts';
import { watchObjects } from './watch-objects.ts';

/** One question: objects of a kind, by name or all, in a namespace or everywhere. */
interface Question {
  readonly row: KindRow;
  readonly wanted: Wanted;
  readonly withNamespace: boolean;
}

export async function getObjects(ctx: Context, input: Input): Promise<ExitCode> {
  const form = parseForm(input.text('output'));
  if (!form.ok) return ctx.fail(2, form.fault);
  const files = input.list('files');
  const [kind = '', ...given] = input.args;
  if (files.length === 0 && kind === '')
    return ctx.fail(2, "missing required argument 'kind', or name files with -f");
  const [kindName = '', slashed] = kind.split('/');
  const row = files.length > 0 ? undefined : kindNamed(kindName);
  if (files.length === 0 && row === undefined) return ctx.fail(2, unknownKind(kindName));
  const strange = row === undefined ? undefined : strangeColumn(row, form.value, ctx);
  if (strange !== undefined) return ctx.fail(2, strange);
  const names = slashed === undefined ? given : [slashed, ...given];
  const everywhere = input.flag('allNamespaces');
  if (everywhere && names.length > 0) return ctx.fail(2, 'names and --all-namespaces do not go together');
  if (files.length > 0 && input.flag('watch')) return ctx.fail(2, '--watch follows a kind, not files');
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const home = input.text('namespace') ?? client.value.connection.namespace;
    if (row === undefined) return await getWritten(ctx, input, client.value, files, form.value, home);
    const namespace = row.namespaced && !everywhere ? home : undefined;
    const wanted = { names, namespace, labelSelector: input.text('selector') };
    return await ask(ctx, input, client.value, { row, wanted, withNamespace: everywhere }, form.value);
  } finally {
    await client.value.close();
  }
}

/** A custom column without a path must be one of the kind's own. */
function strangeColumn(row: KindRow, form: OutputForm, ctx: Context): string | undefined {
  if (form.kind !== 'custom-columns') return undefined;
  const heads = ['NAMESPACE', ...row.columns([], ctx.now()).map(({ head }) => head)];
  const strange = form.columns.find(
    ({ head, path }) => path === undefined && !heads.includes(head.toUpperCase()),
  );
  return strange === undefined
    ? undefined
    : `-o custom-columns: there is no column ${strange.head}; choose of ${heads.join(', ')}, or write HEAD:.path`;
}

/** What is there of the objects that files name, kind by kind in the order of the files. */
async function getWritten(
  ctx: Context,
  input: Input,
  client: KubeClient,
  files: readonly string[],
  form: OutputForm,
  home: string,
): Promise<ExitCode> {
  const stdin = files.includes('-') ? await textOf(ctx.stdin()) : undefined;
  const loaded = await loadFiles(files, stdin);
  if (loaded.faults.length > 0) return ctx.fail(2, ...loaded.faults.map(formatFileFault));
  const questions = new Map<string, Question & { readonly wanted: { readonly names: string[] } }>();
  for (const { object } of loaded.objects) {
    const row = kindNamed(object.kind);
    if (row === undefined) return ctx.fail(2, unknownKind(object.kind));
    const namespace = row.namespaced ? (object.metadata.namespace ?? home) : undefined;
    const key = `${object.kind}/${namespace}`;
    const wanted = { names: [], namespace, labelSelector: undefined };
    const question = questions.get(key) ?? { row, wanted, withNamespace: row.namespaced };
    question.wanted.names.push(object.metadata.name ?? '');
    questions.set(key, question);
  }
  let code: ExitCode = 0;
  for (const question of questions.values()) {
    const answer = await ask(ctx, input, client, question, form);
    if (answer !== 0) code = answer;
  }
  return code;
}

async function ask(
  ctx: Context,
  input: Input,
  client: KubeClient,
  { row, wanted, withNamespace }: Question,
  form: OutputForm,
): Promise<ExitCode> {
  const { names, namespace } = wanted;
  const join =
    row.joins !== undefined && (!row.joins.wide || form.kind === 'wide')
      ? RESOURCES[row.joins.resource]
      : undefined;
  const [found, joined] = await Promise.all([
    findObjects(client, row, wanted),
    join === undefined ? undefined : client.listAll<AnyObject>(join),
  ]);
  if (!found.ok) return ctx.fail(1, found.fault);
  const { objects, missing, versions } = found.value;
  const options: ShowOptions = {
    form,
    withNamespace,
    single: names.length === 1 && objects.length === 1,
    bare: input.flag('export'),
    // Without the joined kind its cells say so; the rest is still worth showing.
    joined: joined?.ok ? joined.value.items : [],
  };
  if (input.flag('watch')) {
    const tell = await teller(ctx, row, options);
    tell(objects);
    return ctx.fail(1, await watchObjects(client, row, wanted, versions, object => tell([object])));
  }
  const empty = objects.length === 0 && form.kind !== 'json' && form.kind !== 'yaml';
  if (empty && names.length === 0)
    ctx.stderr(`No resources found${namespace === undefined ? '' : ` in namespace ${namespace}`}.\n`);
  else if (!empty && (objects.length > 0 || names.length === 0))
    await showObjects(ctx, row, objects, options);
  return missing.length === 0 ? 0 : ctx.fail(1, ...missing);
}

/** Shows objects as they come: a row each, or each for itself in other forms. */
async function teller(ctx: Context, row: KindRow, options: ShowOptions) {
  const { form } = options;
  if (form.kind === 'table' || form.kind === 'wide' || form.kind === 'custom-columns') {
    const table = new GrowingTable(columnsOf(row, options, ctx.now()), { wide: form.kind === 'wide' });
    return (objects: readonly AnyObject[]) => {
      if (objects.length > 0) ctx.stdout(table.rows(objects));
    };
  }
  return (objects: readonly AnyObject[]) => {
    for (const object of objects) {
      if (form.kind === 'yaml') ctx.stdout('---\n');
      void showObjects(ctx, row, [object], { ...options, single: true });
    }
  };
}
