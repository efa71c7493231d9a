import { fail, ok, type Result } from '@muslin/net';
import { KubeClient, loadConnection } from '@muslin/kube';
import type { Context } from '../context.ts';
import type { Input } from '../verb.ts';

/** A client for the cluster that `--kubeconfig` and `--context` choose; a sentence when there is none. */
export async function connect(ctx: Pick<Context, 'env'>, input: Input): Promise<Result<KubeClient, string>> {
  const config = input.text('config');
  const named =
    config === undefined ? undefined : await (await import('./calicoctl-config.ts')).kubeconfigOf(config);
  if (named?.ok === false) return named;
  const path = input.text('kubeconfig') ?? named?.value;
  const context = input.text('context');
  const connection = loadConnection({
    env: ctx.env,
    ...(path !== undefined && { path }),
    ...(context !== undefined && { context }),
  });
  return connection.ok
    ? ok(new KubeClient(connection.value, { userAgent: 'muslinctl', brief: true }))
    : fail(connection.fault.message);
}
