import { type AnyObject, RESOURCES } from '@muslin/kube';
import type { Context } from '../context.ts';
import { connect } from '../live/connect.ts';
import { faultText } from '../live/fault-text.ts';
import type { ExitCode, Input } from '../verb.ts';

/** `datastore migrate lock` and `unlock`. */
export async function setLock(ctx: Context, input: Input, locked: boolean): Promise<ExitCode> {
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  const { ClusterInformation } = RESOURCES;
  const body = { metadata: { name: 'default' }, spec: { datastoreReady: !locked } };
  try {
    const options = { fieldManager: 'muslinctl' };
    const changed = await client.value.patch(
      ClusterInformation,
      body.metadata,
      { type: 'merge', body },
      options,
    );
    if (!changed.ok && changed.fault.code !== 'NotFound') return ctx.fail(1, faultText(changed.fault));
    if (!changed.ok) {
      const made = await client.value.create(ClusterInformation, body as unknown as AnyObject, options);
      if (!made.ok) return ctx.fail(1, faultText(made.fault));
    }
    ctx.stdout(`Datastore ${locked ? 'locked' : 'unlocked'}.\n`);
    return 0;
  } finally {
    await client.value.close();
  }
}
