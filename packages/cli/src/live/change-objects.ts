import type { AnyObject, JsonPatchStep, KubeClient, Patch } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import type { ExitCode, Input } from '../verb.ts';
import { connect } from './connect.ts';
import { faultText } from './fault-text.ts';
import { findTarget, type Target, writableResources } from './target-kind.ts';
import { FIELD_MANAGER } from './write-actions.ts';
import { count } from './write-files.ts';

/** Runs `change` on each named object of a kind; complaints don't stop the others. */
export async function changeObjects(
  ctx: Context,
  input: Input,
  names: readonly string[],
  done: (kinds: readonly string[]) => string,
  change: (client: KubeClient, target: Target) => Promise<Result<unknown, string>>,
): Promise<ExitCode> {
  const resources = writableResources(input.args[0] ?? '');
  if (!resources.ok) return ctx.fail(2, resources.fault);
  if (names.length === 0) return ctx.fail(2, 'name at least one object');
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const namespace = input.text('namespace') ?? client.value.connection.namespace;
    const kinds: string[] = [];
    const complaints: string[] = [];
    for (const name of names) {
      const target = await findTarget(client.value, resources.value, name, namespace);
      const answer = target.ok ? await change(client.value, target.value) : target;
      if (answer.ok && target.ok) kinds.push(target.value.resource.kind);
      else if (!answer.ok) complaints.push(answer.fault);
    }
    if (kinds.length > 0) ctx.stdout(`${done(kinds)}\n`);
    return complaints.length === 0 ? 0 : ctx.fail(1, ...complaints);
  } finally {
    await client.value.close();
  }
}

/** `muslinctl delete KIND NAME...` */
export function deleteObjects(ctx: Context, input: Input, dryRun: boolean): Promise<ExitCode> {
  const tolerant = input.flag('skipNotExists');
  return changeObjects(
    ctx,
    input,
    input.args.slice(1),
    kinds => `Successfully deleted ${count(kinds)}`,
    async (client, { resource, object }) => {
      const answer = await client.delete(resource, named(object), { dryRun });
      if (answer.ok || (tolerant && answer.fault.code === 'NotFound')) return ok(undefined);
      return fail(faultText(answer.fault));
    },
  );
}

/** `muslinctl patch KIND NAME -p JSON` */
export function patchObject(ctx: Context, input: Input, dryRun: boolean): Promise<ExitCode> {
  const body = parseJson(input.text('patch') ?? '');
  if (!body.ok) return Promise.resolve(ctx.fail(2, `--patch: ${body.fault}`));
  return changeObjects(
    ctx,
    input,
    input.args.slice(1, 2),
    kinds => `Successfully patched ${count(kinds)}`,
    async (client, { resource, object }) => {
      // Custom resources know no strategic merge, which is what calicoctl calls its default for them too.
      const type = input.text('type') ?? (resource.group.includes('.') ? 'merge' : 'strategic');
      const patch = (
        type === 'json'
          ? { type, body: body.value as readonly JsonPatchStep[] }
          : { type, body: body.value as object }
      ) as Patch;
      const answer = await client.patch(resource, named(object), patch, {
        dryRun,
        fieldManager: FIELD_MANAGER,
      });
      return answer.ok ? answer : fail(faultText(answer.fault));
    },
  );
}

export function named({ metadata: { name = '', namespace } }: AnyObject) {
  return namespace === undefined ? { name } : { namespace, name };
}

function parseJson(text: string): Result<unknown, string> {
  try {
    return ok(JSON.parse(text));
  } catch (cause) {
    return fail(`not JSON: ${(cause as Error).message}`);
  }
}
