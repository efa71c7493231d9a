import type { AnyObject, KubeFault } from '@muslin/kube';
import { nameOf } from '@muslin/kube';
import { formatJson } from '@muslin/net';
import type { Context } from '../context.ts';
import { formatFileFault } from '../files/file-fault.ts';
import { isRecord } from '../files/json.ts';
import { loadFiles } from '../files/load.ts';
import { formatPlace } from '../files/place.ts';
import { textOf } from '../files/text-of.ts';
import { printable } from '../output/paint.ts';
import type { ExitCode, Input } from '../verb.ts';
import { connect } from './connect.ts';
import { causesOf, faultText } from './fault-text.ts';
import { ResourceFinder } from './resource-finder.ts';
import { FIELD_MANAGER } from './write-actions.ts';
import { placed } from './write-files.ts';

/** Written by the server at every change; they say nothing about it. */
const NOISE = /^(metadata\.(managedFields|resourceVersion|generation|uid|creationTimestamp)|status)(\b|$)/;

/** `diff -f`: 0 nothing would change, 1 something would or was refused, 2 bad input. */
export async function diffObjects(ctx: Context, input: Input): Promise<ExitCode> {
  const paths = input.list('files');
  const stdin = paths.includes('-') ? await textOf(ctx.stdin()) : undefined;
  const loaded = await loadFiles(paths, stdin, !input.flag('recursive'));
  for (const path of loaded.left)
    ctx.stderr(`warning: ${path}: a folder below is left out; -R reads it too\n`);
  if (loaded.faults.length > 0) return ctx.fail(2, ...loaded.faults.map(formatFileFault));
  if (loaded.objects.length === 0) return ctx.fail(2, `${paths.join(', ')}: no Kubernetes objects there`);
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const finder = new ResourceFinder(client.value);
    const home = input.text('namespace') ?? client.value.connection.namespace;
    const refused: string[] = [];
    let changes = 0;
    for (const { object, locate } of loaded.objects) {
      const title = `${object.kind} ${object.metadata.name ?? ''}`;
      const refuse = (message: string) => refused.push(`${formatPlace(locate(''))}: ${title}: ${message}`);
      const resource = await finder.find(object.apiVersion, object.kind);
      if (!resource.ok) {
        refuse(resource.fault);
        continue;
      }
      const wanted = placed(object, resource.value.namespaced, home);
      const now = await client.value.get<AnyObject>(resource.value, nameOf(wanted));
      const patch = { type: 'apply', body: wanted } as const;
      const options = {
        dryRun: true,
        force: true,
        fieldManager: FIELD_MANAGER,
        fieldValidation: 'Strict' as const,
      };
      const then = await client.value.patch<AnyObject>(resource.value, nameOf(wanted), patch, options);
      if (!now.ok && now.fault.code !== 'NotFound') refuse(faultText(now.fault));
      else if (!then.ok) refuse(words(then.fault));
      else {
        const lines = changedFields(now.ok ? now.value : {}, then.value).map(
          line => `  ${printable(line)}\n`,
        );
        if (lines.length === 0) continue;
        changes += lines.length;
        ctx.stdout(`${printable(title)}${now.ok ? '' : ' (new)'}\n${lines.join('')}`);
      }
    }
    if (refused.length > 0) return ctx.fail(1, ...refused);
    return changes === 0 ? 0 : 1;
  } finally {
    await client.value.close();
  }
}

const words = (fault: KubeFault) =>
  causesOf(fault)
    .map(({ field, message }) => `${field}: ${message}`)
    .join('; ') || faultText(fault);

/** `spec.natOutgoing: false -> true`, a line for each leaf that differs. */
function changedFields(before: unknown, after: unknown, path = ''): readonly string[] {
  if (NOISE.test(path) || formatJson(before) === formatJson(after)) return [];
  if ((isRecord(before) || before === undefined) && isRecord(after) && Object.keys(after).length > 0) {
    const old = isRecord(before) ? before : {};
    return [...new Set([...Object.keys(old), ...Object.keys(after)])].flatMap(name =>
      changedFields(old[name], after[name], path === '' ? name : `${path}.${name}`),
    );
  }
  if (before === undefined) return [`+ ${path}: ${formatJson(after)}`];
  if (after === undefined) return [`- ${path}: ${formatJson(before)}`];
  return [`~ ${path}: ${formatJson(before)} -> ${formatJson(after)}`];
}
