import type { Context } from '../context.ts';
import type { LoadedObject } from '../files/load.ts';
import { findingsOf } from '../files/validate-files.ts';
import type { ExitCode } from '../verb.ts';
import { complaint } from './complaint.ts';
import { WRITE_ACTIONS } from './write-actions.ts';
import { count } from './write-files.ts';

/** `--dry-run=client`: what the schemas and the meaning say, without a server. */
export async function checkHere(
  ctx: Context,
  verb: keyof typeof WRITE_ACTIONS,
  objects: readonly LoadedObject[],
): Promise<ExitCode> {
  const complaints: string[] = [];
  for (const item of objects)
    for (const { severity, path, message } of await findingsOf(item))
      if (severity === 'error')
        complaints.push(complaint(item, path === '' ? message : `${path}: ${message}`, path));
  if (complaints.length > 0) return ctx.fail(1, ...complaints);
  const kinds = objects.map(({ object }) => object.kind);
  ctx.stdout(`Successfully ${WRITE_ACTIONS[verb].done} ${count(kinds)} (client dry run)\n`);
  return 0;
}
