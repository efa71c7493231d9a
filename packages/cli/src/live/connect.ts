import { fail, ok, type Result } from '@muslin/net';
import type { KubeClient } from '@muslin/kube';
import type { Context } from '../context.ts';
import type { Input } from '../verb.ts';

/** A client for the cluster that `--kubeconfig` and `--context` choose; a sentence when there is none. */
export async function connect(ctx: Pick<Context, 'env'>, input: Input): Promise<Result<KubeClient, string>> {
  const { KubeClient, loadConnection } = await import('@muslin/kube');
  const path = input.text('kubeconfig');
  const context = input.text('context');
  const connection = loadConnection({
    env: ctx.env,
    ...(path !== undefined && { path }),
    ...(context !== undefined && { context }),
  });
  return connection.ok
    ? ok(new KubeClient(connection.value, { userAgent: 'muslinctl' }))
    : fail(connection.fault.message);
}
