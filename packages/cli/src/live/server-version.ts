import { type AnyObject, RESOURCES } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { textAt } from '../files/json.ts';
import type { Input } from '../verb.ts';
import { connect } from './connect.ts';
import { faultText } from './fault-text.ts';

/** What runs in a cluster. */
export interface ClusterVersions {
  /** What the API server calls its version (`/version` gitVersion). */
  readonly server: string;
  /** What the ClusterInformation says of the network: version and type; absent before anybody wrote it. */
  readonly cluster?: string;
}

/** Asks a cluster for its versions. */
export async function serverVersion(ctx: Context, input: Input): Promise<Result<ClusterVersions, string>> {
  const client = await connect(ctx, input);
  if (!client.ok) return client;
  try {
    const [answer, information] = await Promise.all([
      client.value.raw({ method: 'GET', path: '/version' }),
      client.value.get<AnyObject>(RESOURCES.ClusterInformation, { name: 'default' }),
    ]);
    if (!answer.ok) return fail(faultText(answer.fault));
    const said = information.ok ? information.value : undefined;
    const words = [textAt(said, 'spec', 'calicoVersion'), textAt(said, 'spec', 'clusterType')];
    const cluster = words.filter(Boolean).join(', ');
    return ok({
      server: textAt(answer.value, 'gitVersion') ?? 'unknown',
      ...(cluster !== '' && { cluster }),
    });
  } finally {
    await client.value.close();
  }
}
