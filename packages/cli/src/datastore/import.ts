import { RESOURCES } from '@muslin/kube';
import type { Context } from '../context.ts';
import { connect } from '../live/connect.ts';
import { faultText } from '../live/fault-text.ts';
import { writeFiles } from '../live/write-files.ts';
import type { ExitCode, Input } from '../verb.ts';

/** `datastore migrate import`. */
export async function importObjects(ctx: Context, input: Input): Promise<ExitCode> {
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const blocks = await client.value.list(RESOURCES.IPAMBlock, { limit: 1 });
    if (!blocks.ok) return ctx.fail(1, faultText(blocks.fault));
    if (blocks.value.items.length > 0)
      return ctx.fail(1, 'blocks of addresses are there already, and those of two clusters must not mix');
  } finally {
    await client.value.close();
  }
  return writeFiles(ctx, input, 'apply', { dryRun: false, tolerant: false });
}
