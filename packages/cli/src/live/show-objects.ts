import type { AnyObject } from '@muslin/kube';
import { formatJson, ok } from '@muslin/net';
import type { Context } from '../context.ts';
import type { KindRow } from '../kinds/kind-row.ts';
import { yamlText } from '../output/data.ts';
import { type OutputForm, valuesAtPath } from '../output/form.ts';
import { renderGoTemplate } from '../output/go-template/render.ts';
import { renderJsonPath } from '../output/json-path.ts';
import { type Column, formatTable } from '../output/table.ts';
import type { ExitCode } from '../verb.ts';

/** What `showObjects` needs to know beside the objects. */
export interface ShowOptions {
  readonly form: OutputForm;
  /** Several namespaces may be in sight, so each row names its own. */
  readonly withNamespace: boolean;
  /** One object was asked for by name, so it is shown alone rather than in a List. */
  readonly single: boolean;
  /** Without what one cluster put there, so that another takes it (calicoctl's --export). */
  readonly bare?: boolean;
  readonly joined: readonly AnyObject[];
  /** A table without its heads. */
  readonly headless?: boolean;
  /** Objects of several kinds are shown, so each name says its own. */
  readonly typed?: boolean;
  /** A column with all labels. */
  readonly labels?: boolean;
  /** A column for each of these labels. */
  readonly labelColumns?: readonly string[];
}

/** Writes objects in the form that was asked for. */
export async function showObjects(
  ctx: Context,
  row: KindRow,
  objects: readonly AnyObject[],
  options: ShowOptions,
): Promise<ExitCode> {
  const { form, single } = options;
  switch (form.kind) {
    case 'json':
    case 'yaml': {
      const items = objects.map(object => readable(object, options.bare));
      const value = single ? items[0] : { apiVersion: 'v1', kind: 'List', items };
      ctx.stdout(form.kind === 'json' ? `${formatJson(value, 2)}\n` : await yamlText(value));
      return 0;
    }
    case 'name':
      for (const object of objects) ctx.stdout(`${typedName(object)}\n`);
      return 0;
    case 'go-template':
    case 'jsonpath': {
      const items = objects.map(object => readable(object));
      const value = single ? items[0] : { apiVersion: 'v1', kind: 'List', items };
      const text =
        form.kind === 'jsonpath'
          ? ok(renderJsonPath(form.template, value))
          : renderGoTemplate(form.template, value);
      if (!text.ok) return ctx.fail(1, `-o go-template: ${text.fault}`);
      ctx.stdout(text.value.endsWith('\n') || text.value === '' ? text.value : `${text.value}\n`);
      return 0;
    }
    default:
      ctx.stdout(
        formatTable(objects, columnsOf(row, options, ctx.now()), {
          wide: form.kind === 'wide',
          headless: options.headless === true,
        }),
      );
      return 0;
  }
}

/** The columns that a form asks for. */
export function columnsOf(row: KindRow, options: ShowOptions, now: Date): readonly Column<AnyObject>[] {
  const { form, withNamespace, joined } = options;
  const own = row.columns(joined, now);
  if (form.kind !== 'custom-columns') {
    const named = options.typed
      ? own.map(column => (column.head === 'NAME' ? { ...column, cell: typedName } : column))
      : own;
    const places = withNamespace && row.namespaced ? [NAMESPACE] : [];
    return [
      ...places,
      ...named,
      ...(options.labelColumns ?? []).map(labelColumn),
      ...(options.labels ? [LABELS] : []),
    ];
  }
  return form.columns.map(({ head, path }) => {
    if (path !== undefined) return { head, cell: object => valuesAtPath(object, path) };
    const same = [NAMESPACE, ...own].find(column => column.head.toLowerCase() === head.toLowerCase());
    return { head, cell: object => same?.cell(object) };
  });
}

/** As people read objects: what it is first, and without the server's own bookkeeping, which kubectl hides too. */
function readable(object: AnyObject, bare = false): object {
  const { apiVersion, kind, metadata, spec, status, ...rest } = object;
  const { name, namespace, labels, annotations, ...more } = metadata;
  const { managedFields: _, ...shown } = more as Readonly<Record<string, unknown>>;
  if (bare) return bareObject(object);
  return {
    ...{ apiVersion, kind },
    metadata: { name, namespace, labels, annotations, ...shown },
    ...{ spec, ...rest, status },
  };
}

/** An object as another cluster would take it. */
export function bareObject({ apiVersion, kind, metadata, status: _, ...rest }: AnyObject): object {
  const { name, namespace, labels, annotations } = metadata;
  return { apiVersion, kind, metadata: { name, namespace, labels, annotations }, ...rest };
}

const NAMESPACE: Column<AnyObject> = { head: 'NAMESPACE', cell: object => object.metadata.namespace };

const LABELS: Column<AnyObject> = {
  head: 'LABELS',
  cell: ({ metadata }) =>
    Object.entries(metadata.labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(','),
};

/** `kubernetes.io/os` is headed OS, as kubectl does it. */
function labelColumn(label: string): Column<AnyObject> {
  const head = label.slice(label.lastIndexOf('/') + 1).toUpperCase();
  return { head, cell: ({ metadata }) => metadata.labels?.[label] };
}

/** `ippool.projectcalico.org/default`, as kubectl names objects: kind and group, lower case. */
function typedName({ apiVersion = '', kind = '', metadata }: AnyObject): string {
  const group = apiVersion.includes('/') ? `.${apiVersion.slice(0, apiVersion.indexOf('/'))}` : '';
  return `${kind.toLowerCase()}${group}/${metadata.name ?? ''}`;
}
