import { localSocket } from '../bgp/speaker-socket.ts';
import type { Context } from '../context.ts';
import type { ExitCode, Input } from '../verb.ts';
import { agentSocket } from './agent-socket.ts';
import { collect } from './collect.ts';
import { archiveStamp, saveArchive } from './save-archive.ts';

/** `node diags`: one archive to attach to a report; 0 written, 2 it can't be written there. */
export async function writeDiags(ctx: Context, input: Input): Promise<ExitCode> {
  const files = await collect({ agent: agentSocket(ctx), speaker: localSocket(ctx) }, input.text('logDir'));
  return saveArchive(ctx, input, `muslin-diags-${archiveStamp(ctx.now())}`, files);
}
