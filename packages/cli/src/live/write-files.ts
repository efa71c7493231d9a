import type { AnyObject, KubeFault } from '@muslin/kube';
import type { Context } from '../context.ts';
import { formatFileFault } from '../files/file-fault.ts';
import { type LoadedObject, loadFiles } from '../files/load.ts';
import { textOf } from '../files/text-of.ts';
import type { ExitCode, Input } from '../verb.ts';
import { complaint } from './complaint.ts';
import { connect } from './connect.ts';
import { causesOf, faultText, isNotServed } from './fault-text.ts';
import { notServed, ResourceFinder } from './resource-finder.ts';
import { WRITE_ACTIONS, type WriteFlags } from './write-actions.ts';

/** Sends every object of `--files` to the server, in order; one that fails does not stop the others. */
export async function writeFiles(
  ctx: Context,
  input: Input,
  verb: keyof typeof WRITE_ACTIONS,
  flags: WriteFlags,
): Promise<ExitCode> {
  const paths = input.list('files');
  if (paths.length === 0) return ctx.fail(2, `name a file or folder with -f`);
  const stdin = paths.includes('-') ? await textOf(ctx.stdin()) : undefined;
  const loaded = await loadFiles(paths, stdin, !input.flag('recursive'));
  if (loaded.faults.length > 0) return ctx.fail(2, ...loaded.faults.map(formatFileFault));
  for (const { file, line } of loaded.skipped)
    ctx.stderr(`warning: ${file}:${line}: no Kubernetes object; left out\n`);
  for (const path of loaded.left)
    ctx.stderr(`warning: ${path}: a folder below is left out; -R reads it too\n`);
  if (loaded.objects.length === 0)
    return input.flag('skipEmpty') ? 0 : ctx.fail(2, `${paths.join(', ')}: no Kubernetes objects there`);
  if (flags.here) {
    const { checkHere } = await import('./check-here.ts');
    return checkHere(ctx, verb, loaded.objects);
  }
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const action = WRITE_ACTIONS[verb];
    const finder = new ResourceFinder(client.value);
    const home = input.text('namespace') ?? client.value.connection.namespace;
    const done: string[] = [];
    const skipped: string[] = [];
    const complaints: string[] = [];
    for (const item of loaded.objects) {
      const { object } = item;
      const resource = await finder.find(object.apiVersion, object.kind);
      if (!resource.ok) {
        complaints.push(complaint(item, resource.fault));
        continue;
      }
      const answer = await action.run(
        client.value,
        resource.value,
        placed(object, resource.value.namespaced, home),
        flags,
      );
      if (!answer.ok) complaints.push(...faultTexts(item, answer.fault));
      else (answer.value === 'done' ? done : skipped).push(object.kind);
    }
    const dry = flags.dryRun ? ' (dry run)' : '';
    if (complaints.length > 0) {
      const all = count(loaded.objects.map(({ object }) => object.kind));
      ctx.stderr(
        done.length + skipped.length === 0
          ? `Failed to ${verb} any of ${all}${dry}\n`
          : `Partial success: ${action.done} ${done.length} of ${all}${dry}\n`,
      );
      return ctx.fail(1, ...complaints);
    }
    ctx.stdout(`Successfully ${action.done} ${count(done)}${dry}\n`);
    if (skipped.length > 0) ctx.stdout(`${leftOut(verb, skipped)}\n`);
    return 0;
  } finally {
    await client.value.close();
  }
}

/** `2 'IPPool' resource(s)`; without the kind when there are several (as calicoctl says it). */
export function count(kinds: readonly string[]): string {
  const [kind, ...others] = new Set(kinds);
  return kind === undefined || others.length > 0
    ? `${kinds.length} resource(s)`
    : `${kinds.length} '${kind}' resource(s)`;
}

/** What was said to be no fault. */
export function leftOut(verb: keyof typeof WRITE_ACTIONS, kinds: readonly string[]): string {
  return verb === 'delete' ? `Left out ${count(kinds)} not there` : `Left ${count(kinds)} as they are`;
}

/** The object where it will live; the server refuses a namespace on cluster-wide objects. */
export function placed(object: LoadedObject['object'], namespaced: boolean, home: string): AnyObject {
  const { namespace, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: namespaced ? { ...metadata, namespace: namespace ?? home } : metadata,
  } as AnyObject;
}

/** One line for each field that the server names, else one for the object. */
function faultTexts(item: LoadedObject, fault: KubeFault): readonly string[] {
  const causes = causesOf(fault);
  if (isNotServed(fault)) return [complaint(item, notServed(item.object))];
  if (causes.length === 0 || (fault.code !== 'Invalid' && fault.status !== 500))
    return [complaint(item, faultText(fault))];
  return causes.map(({ field, message }) => complaint(item, `${field}: ${message}`, field));
}
