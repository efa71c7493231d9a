import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { localSocket } from '../bgp/speaker-socket.ts';
import type { Context } from '../context.ts';
import { reasonOf } from '../files/walk.ts';
import type { ExitCode, Input } from '../verb.ts';
import { agentSocket } from './agent-socket.ts';
import { collect } from './collect.ts';
import { tarOf } from './tar.ts';

/** `node diags`: one archive to attach to a report; 0 written, 2 it can't be written there. */
export async function writeDiags(ctx: Context, input: Input): Promise<ExitCode> {
  const now = ctx.now();
  const stamp = now.toISOString().replace(/[-:]|\..*$/g, '');
  const path = input.text('output') ?? join('.', `muslin-diags-${stamp}.tar.gz`);
  const files = await collect({ agent: agentSocket(ctx), speaker: localSocket(ctx) }, input.text('logDir'));
  const folder = `muslin-diags-${stamp}`;
  const named = files.map(({ name, text }) => ({ name: `${folder}/${name.slice(0, 64)}`, text }));
  try {
    writeFileSync(path, gzipSync(tarOf(named, Math.floor(now.getTime() / 1000))), { mode: 0o600 });
  } catch (cause) {
    return ctx.fail(2, `${path}: ${reasonOf(cause)}`);
  }
  ctx.stdout(`Diags saved to ${path} (${files.length} files)\n`);
  ctx.stderr(
    'Passwords and tokens are left out; addresses, names of pods and policies are in it: look before you send it on.\n',
  );
  return 0;
}
