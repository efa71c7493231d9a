import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { textOf } from '../files/text-of.ts';
import type { Input } from '../verb.ts';
import type { World } from './world.ts';

/** A world and the namespace of names that give none. */
export interface OpenWorld {
  readonly world: World;
  readonly namespace: string;
}

/** The world of `--files`, else that of the cluster. The fault has a sentence for each thing that is wrong. */
export async function openWorld(ctx: Context, input: Input): Promise<Result<OpenWorld, readonly string[]>> {
  const files = input.list('files');
  if (files.length > 0) {
    const { readWorld } = await import('./offline-world.ts');
    const world = await readWorld(files, {
      podCidrs: input.list('podCidr'),
      skipBroken: input.flag('skipBroken'),
      ...(files.includes('-') && { stdin: await textOf(ctx.stdin()) }),
    });
    return world.ok ? ok({ world: world.value, namespace: input.text('namespace') ?? 'default' }) : world;
  }
  const [{ connect }, { liveWorld }] = await Promise.all([
    import('../live/connect.ts'),
    import('../live/live-world.ts'),
  ]);
  const client = await connect(ctx, input);
  if (!client.ok) return fail([`${client.fault}; or name a folder of manifests with --files`]);
  try {
    const world = await liveWorld(client.value);
    if (!world.ok) return fail([world.fault]);
    return ok({
      world: world.value,
      namespace: input.text('namespace') ?? client.value.connection.namespace,
    });
  } finally {
    await client.value.close();
  }
}
