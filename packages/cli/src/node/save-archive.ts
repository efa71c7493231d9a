import { counted } from '../output/counted.ts';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Context } from '../context.ts';
import { reasonOf } from '../files/walk.ts';
import type { ExitCode, Input } from '../verb.ts';
import { type TarFile, tarOf } from './tar.ts';

/** `20260131T120000`: the part of an archive's name that tells it from others. */
export function archiveStamp(now: Date): string {
  return now.toISOString().replace(/[-:]|\..*$/g, '');
}

/** Writes `folder.tar.gz` here, or the file that `--output` names; 0 written, 2 it can't be written there. */
export function saveArchive(
  ctx: Pick<Context, 'stdout' | 'stderr' | 'now' | 'fail'>,
  input: Pick<Input, 'text'>,
  folder: string,
  files: readonly TarFile[],
): ExitCode {
  const chosen = input.text('output');
  const path = chosen ?? `${folder}.tar.gz`;
  const named = files.map(({ name, text }) => ({ name: `${folder}/${name}`.slice(0, 100), text }));
  const bytes = gzipSync(tarOf(named, Math.floor(ctx.now().getTime() / 1000)));
  try {
    // Root runs this in /tmp too, where a name that can be foretold may be somebody else's link by now.
    writeFileSync(path, bytes, { mode: 0o600, flag: chosen === undefined ? 'wx' : 'w' });
  } catch (cause) {
    return ctx.fail(2, `${path}: ${reasonOf(cause)}`);
  }
  ctx.stdout(`Diags saved to ${path} (${counted(files.length, 'file')})\n`);
  ctx.stderr(
    'Passwords and tokens are left out; addresses, names of pods and policies are in it: look before you send it on.\n',
  );
  return 0;
}
