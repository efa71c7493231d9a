import type { AnyObject, JsonPatchStep, KubeClient, Patch } from '@muslin/kube';
import { fail, ok, parseJson, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import type { ExitCode, Input } from '../verb.ts';
import { connect } from './connect.ts';
import { faultText } from './fault-text.ts';
import { findTarget, type Target, writableResources } from './target-kind.ts';
import { FIELD_MANAGER, type WriteFlags } from './write-actions.ts';
import { count, leftOut } from './write-files.ts';

/** Which objects of a kind to change. */
interface WantedTargets {
  readonly names: readonly string[];
  /** One that is not there is left out in silence. */
  readonly mayBeMissing?: boolean;
}

/** Runs `change` on each named object of a kind; complaints don't stop the others. */
export async function changeObjects(
  ctx: Context,
  input: Input,
  wanted: WantedTargets,
  done: (kinds: readonly string[], left: readonly string[]) => string,
  change: (client: KubeClient, target: Target) => Promise<Result<unknown, string>>,
): Promise<ExitCode> {
  const resources = writableResources(input.args[0] ?? '');
  if (!resources.ok) return ctx.fail(2, resources.fault);
  const { names, mayBeMissing } = wanted;
  if (names.length === 0) return ctx.fail(2, 'name at least one object');
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const namespace = input.text('namespace') ?? client.value.connection.namespace;
    const kinds: string[] = [];
    const left: string[] = [];
    const complaints: string[] = [];
    for (const name of names) {
      const target = await findTarget(client.value, resources.value, name, namespace);
      if (!target.ok) {
        if (target.fault.code !== 'missing' || !mayBeMissing) complaints.push(target.fault.message);
        else left.push(resources.value[0]?.kind ?? '');
        continue;
      }
      const answer = await change(client.value, target.value);
      if (answer.ok) kinds.push(target.value.resource.kind);
      else complaints.push(answer.fault);
    }
    if (kinds.length > 0 || complaints.length === 0) ctx.stdout(`${done(kinds, left)}\n`);
    return complaints.length === 0 ? 0 : ctx.fail(1, ...complaints);
  } finally {
    await client.value.close();
  }
}

/** `muslinctl delete KIND NAME...` */
export function deleteObjects(
  ctx: Context,
  input: Input,
  { dryRun, tolerant }: WriteFlags,
): Promise<ExitCode> {
  return changeObjects(
    ctx,
    input,
    { names: input.args.slice(1), mayBeMissing: tolerant },
    (kinds, left) =>
      `Successfully deleted ${count(kinds)}${dry(dryRun)}${left.length > 0 ? `\n${leftOut('delete', left)}` : ''}`,
    async (client, { resource, object }) => {
      const answer = await client.delete(resource, named(object), { dryRun });
      if (answer.ok || (tolerant && answer.fault.code === 'NotFound')) return ok(undefined);
      return fail(faultText(answer.fault));
    },
  );
}

/** `muslinctl patch KIND NAME -p JSON` */
export function patchObject(ctx: Context, input: Input, dryRun: boolean): Promise<ExitCode> {
  const body = readJson(input.text('patch') ?? '');
  if (!body.ok) return Promise.resolve(ctx.fail(2, `--patch: ${body.fault}`));
  const asked = input.text('type');
  const listed = Array.isArray(body.value);
  if ((asked === 'json') !== listed)
    return Promise.resolve(
      ctx.fail(
        2,
        listed
          ? '--patch is a list of steps: add --type json'
          : `--patch: with --type json it is a list of steps: [{"op":"replace","path":"/spec/disabled","value":true}]`,
      ),
    );
  return changeObjects(
    ctx,
    input,
    { names: input.args.slice(1, 2) },
    kinds => `Successfully patched ${count(kinds)}${dry(dryRun)}`,
    async (client, { resource, object }) => {
      // Custom resources know no strategic merge.
      const type = asked ?? (resource.group.includes('.') ? 'merge' : 'strategic');
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

const dry = (dryRun: boolean) => (dryRun ? ' (dry run)' : '');

export function named({ metadata: { name = '', namespace } }: AnyObject) {
  return namespace === undefined ? { name } : { namespace, name };
}

function readJson(text: string): Result<unknown, string> {
  try {
    return ok(parseJson(text));
  } catch (cause) {
    return fail(`not JSON: ${(cause as Error).message}`);
  }
}
