import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import type { Context } from '../context.ts';
import type { KindRow } from '../kinds/kind-row.ts';
import { type OutputForm, parseForm, valuesAtPath } from '../output/form.ts';
import { GrowingTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';
import { connect } from './connect.ts';
import { type Found, findObjects } from './find-objects.ts';
import { type Ask, asksOf, filtersOf, type Question, questionsOfFiles, sortedBy } from './questions.ts';
import { columnsOf, type ShowOptions, showObjects } from './show-objects.ts';
import { watchObjects } from './watch-objects.ts';

export async function getObjects(ctx: Context, input: Input): Promise<ExitCode> {
  const form = parseForm(input.text('output'));
  if (!form.ok) return ctx.fail(2, form.fault);
  const files = input.list('files');
  if (files.length === 0 && input.args.length === 0)
    return ctx.fail(2, "missing required argument 'kind', or name files with -f");
  const asks = files.length > 0 ? undefined : asksOf(input.args);
  if (asks?.ok === false) return ctx.fail(2, asks.fault);
  const wrong = complaint(ctx, input, form.value, asks?.value ?? []);
  if (wrong !== undefined) return ctx.fail(2, wrong);
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const home = input.text('namespace') ?? client.value.connection.namespace;
    if (asks !== undefined)
      return await answer(ctx, input, client.value, questionsOf(input, asks.value, home), form.value);
    const questions = await questionsOfFiles(ctx, input, home);
    if (!questions.ok) return ctx.fail(2, ...questions.fault);
    return await answer(ctx, input, client.value, questions.value, form.value);
  } finally {
    await client.value.close();
  }
}

/** What does not go together, as a sentence. */
function complaint(ctx: Context, input: Input, form: OutputForm, asks: readonly Ask[]): string | undefined {
  const size = input.text('chunkSize');
  if (size !== undefined && !/^\d+$/.test(size))
    return `--chunk-size ${size}: write a number, 0 for all at once`;
  if (input.flag('allNamespaces') && asks.some(({ names }) => names.length > 0))
    return 'names and --all-namespaces do not go together';
  if (input.flag('watch') && asks.length !== 1)
    return asks.length === 0 ? '--watch follows a kind, not files' : '--watch follows one kind, not several';
  return asks.map(({ row }) => strangeColumn(row, form, ctx)).find(text => text !== undefined);
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

function questionsOf(input: Input, asks: readonly Ask[], home: string): readonly Question[] {
  const everywhere = input.flag('allNamespaces');
  return asks.map(({ row, names }) => {
    const namespace = row.namespaced && !everywhere ? home : undefined;
    return { row, wanted: { names, namespace, ...filtersOf(input) }, withNamespace: everywhere };
  });
}

/** What was found for one question, and how to show it. */
interface Answer extends Question, Found {
  readonly options: ShowOptions;
}

/** Tables one below the other; in every other form all objects are one answer. */
async function answer(
  ctx: Context,
  input: Input,
  client: KubeClient,
  questions: readonly Question[],
  form: OutputForm,
): Promise<ExitCode> {
  const answers: Answer[] = [];
  for (const question of questions) {
    const found = await ask(input, client, question, form, questions.length > 1);
    if (typeof found === 'string') return ctx.fail(1, found);
    answers.push(found);
  }
  const [first] = answers;
  if (first === undefined) return 0;
  if (input.flag('watch')) {
    const { row, wanted, options, objects, versions } = first;
    const tell = await teller(ctx, row, options);
    tell(objects);
    return ctx.fail(1, await watchObjects(client, row, wanted, versions, object => tell([object])));
  }
  const tables = form.kind === 'table' || form.kind === 'wide';
  const merged = { ...first, objects: answers.flatMap(({ objects }) => objects) };
  let code: ExitCode = 0;
  let shown = 0;
  for (const each of tables ? answers : [merged]) {
    if (isEmpty(ctx, each, form)) continue;
    if (shown++ > 0) ctx.stdout('\n');
    code ||= await showObjects(ctx, each.row, each.objects, each.options);
  }
  const missing = answers.flatMap(each => each.missing);
  return missing.length === 0 ? code : ctx.fail(1, ...missing);
}

/** Whether there is nothing to show; says so where nothing was asked for by name. */
function isEmpty(ctx: Context, { objects, wanted: { names, namespace } }: Answer, form: OutputForm): boolean {
  if (objects.length > 0) return false;
  if (form.kind === 'json' || form.kind === 'yaml') return names.length > 0;
  if (names.length === 0)
    ctx.stderr(`No resources found${namespace === undefined ? '' : ` in namespace ${namespace}`}.\n`);
  return true;
}

async function ask(
  input: Input,
  client: KubeClient,
  question: Question,
  form: OutputForm,
  several: boolean,
): Promise<Answer | string> {
  const { row, wanted } = question;
  const join =
    row.joins !== undefined && (!row.joins.wide || form.kind === 'wide')
      ? RESOURCES[row.joins.resource]
      : undefined;
  const [found, joined] = await Promise.all([
    findObjects(client, row, wanted),
    join === undefined ? undefined : client.listAll<AnyObject>(join),
  ]);
  if (!found.ok) return found.fault;
  const path = input.text('sortBy');
  const objects = sortedBy(
    found.value.objects,
    path === undefined ? undefined : object => valuesAtPath(object, path),
  );
  const options: ShowOptions = {
    form,
    withNamespace: question.withNamespace,
    single: !several && wanted.names.length === 1 && objects.length === 1,
    bare: input.flag('export'),
    headless: input.flag('noHeaders'),
    typed: several,
    labels: input.flag('showLabels'),
    labelColumns: input.list('labelColumns').flatMap(text => text.split(',')),
    // Without the joined kind its cells say so; the rest is still worth showing.
    joined: joined?.ok ? joined.value.items : [],
  };
  return { ...question, ...found.value, objects, options };
}

/** Shows objects as they come: a row each, or each for itself in other forms. */
async function teller(ctx: Context, row: KindRow, options: ShowOptions) {
  const { form, headless } = options;
  if (form.kind === 'table' || form.kind === 'wide' || form.kind === 'custom-columns') {
    const table = new GrowingTable(columnsOf(row, options, ctx.now()), {
      wide: form.kind === 'wide',
      headless: headless === true,
    });
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
