import type { AnyObject } from '@muslin/kube';
import { formatJson } from '@muslin/net';
import type { Context } from '../context.ts';
import type { KindRow } from '../kinds/kind-row.ts';
import { yamlText } from '../output/data.ts';
import { type OutputForm, valuesAtPath } from '../output/form.ts';
import { type Column, formatTable } from '../output/table.ts';

/** What `showObjects` needs to know beside the objects. */
export interface ShowOptions {
  readonly form: OutputForm;
  /** Several namespaces may be in sight, so each row names its own. */
  readonly withNamespace: boolean;
  /** One object was asked for by name, so it is shown alone rather than in a List. */
  readonly single: boolean;
  readonly joined: readonly AnyObject[];
}

/** Writes objects in the form that was asked for. */
export async function showObjects(
  ctx: Context,
  row: KindRow,
  objects: readonly AnyObject[],
  options: ShowOptions,
): Promise<void> {
  const { form, withNamespace, single, joined } = options;
  switch (form.kind) {
    case 'json':
    case 'yaml': {
      const items = objects.map(readable);
      const value = single ? items[0] : { apiVersion: 'v1', kind: 'List', items };
      ctx.stdout(form.kind === 'json' ? `${formatJson(value, 2)}\n` : await yamlText(value));
      return;
    }
    case 'name':
      for (const object of objects) ctx.stdout(`${typedName(object)}\n`);
      return;
    case 'custom-columns':
      ctx.stdout(
        formatTable(
          objects,
          form.columns.map(({ head, path }) => ({ head, cell: object => valuesAtPath(object, path) })),
        ),
      );
      return;
    default: {
      const columns = row.columns(joined, ctx.now());
      const shown = withNamespace && row.namespaced ? [NAMESPACE, ...columns] : columns;
      ctx.stdout(formatTable(objects, shown, { wide: form.kind === 'wide' }));
    }
  }
}

/** As people read objects: what it is first, and without the server's own bookkeeping, which kubectl hides too. */
function readable(object: AnyObject): object {
  const { apiVersion, kind, metadata, spec, status, ...rest } = object;
  const { name, namespace, labels, annotations, ...more } = metadata;
  const { managedFields: _, ...shown } = more as Readonly<Record<string, unknown>>;
  return {
    ...{ apiVersion, kind },
    metadata: { name, namespace, labels, annotations, ...shown },
    ...{ spec, ...rest, status },
  };
}

const NAMESPACE: Column<AnyObject> = { head: 'NAMESPACE', cell: object => object.metadata.namespace };

/** `ippool.projectcalico.org/default`, as kubectl names objects: kind and group, lower case. */
function typedName({ apiVersion = '', kind = '', metadata }: AnyObject): string {
  const group = apiVersion.includes('/') ? `.${apiVersion.slice(0, apiVersion.indexOf('/'))}` : '';
  return `${kind.toLowerCase()}${group}/${metadata.name ?? ''}`;
}
