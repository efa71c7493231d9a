import { type AnyObject, RESOURCES } from '@muslin/kube';
import type { Context } from '../context.ts';
import { kindNamed, unknownKind } from '../kinds/kinds.ts';
import { parseForm } from '../output/form.ts';
import type { ExitCode, Input } from '../verb.ts';
import { connect } from './connect.ts';
import { findObjects } from './find-objects.ts';
import { showObjects } from './show-objects.ts';

export async function getObjects(ctx: Context, input: Input): Promise<ExitCode> {
  const [kind = '', ...given] = input.args;
  const [kindName = '', slashed] = kind.split('/');
  const names = slashed === undefined ? given : [slashed, ...given];
  const row = kindNamed(kindName);
  if (row === undefined) return ctx.fail(2, unknownKind(kindName));
  const form = parseForm(input.text('output'));
  if (!form.ok) return ctx.fail(2, form.fault);
  const everywhere = input.flag('allNamespaces');
  if (everywhere && names.length > 0) return ctx.fail(2, 'names and --all-namespaces do not go together');
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const home = input.text('namespace') ?? client.value.connection.namespace;
    const namespace = row.namespaced && !everywhere ? home : undefined;
    const wide = form.value.kind === 'wide';
    const join =
      row.joins !== undefined && (!row.joins.wide || wide) ? RESOURCES[row.joins.resource] : undefined;
    const [found, joined] = await Promise.all([
      findObjects(client.value, row, { names, namespace, labelSelector: input.text('selector') }),
      join === undefined ? undefined : client.value.listAll<AnyObject>(join),
    ]);
    if (!found.ok) return ctx.fail(1, found.fault);
    const { objects, missing } = found.value;
    const single = names.length === 1 && objects.length === 1;
    const empty = objects.length === 0 && form.value.kind !== 'json' && form.value.kind !== 'yaml';
    if (empty && names.length === 0)
      ctx.stderr(`No resources found${namespace === undefined ? '' : ` in namespace ${namespace}`}.\n`);
    else if (!empty && (objects.length > 0 || names.length === 0))
      await showObjects(ctx, row, objects, {
        form: form.value,
        withNamespace: everywhere,
        single,
        // Without the joined kind its cells say so; the rest is still worth showing.
        joined: joined?.ok ? joined.value.items : [],
      });
    return missing.length === 0 ? 0 : ctx.fail(1, ...missing);
  } finally {
    await client.value.close();
  }
}
