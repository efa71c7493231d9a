import type { AnyObject, Resource } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import { asOf, type NodeReport, nodeReport } from '@muslin/policy';
import { faultText } from '../live/fault-text.ts';
import type { Lister } from '../live/lister.ts';

/** Where each node's agent writes what it enforces: one object per node, named like it. */
export const POLICY_NODE_STATUS: Resource = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  plural: 'policynodestatuses',
  kind: 'PolicyNodeStatus',
  namespaced: false,
};

/** All that the nodes said, for what it is worth now. */
export async function readNodeReports(
  client: Lister,
  now: Date,
): Promise<Result<readonly NodeReport[], string>> {
  const answer = await client.listAll<AnyObject>(POLICY_NODE_STATUS);
  if (answer.ok)
    return ok(
      answer.value.items.map(({ metadata, status }) =>
        asOf(nodeReport(metadata.name ?? '', status as object | undefined), now.getTime()),
      ),
    );
  if (answer.fault.code !== 'NotFound') return fail(faultText(answer.fault));
  return fail(
    `${client.connection.server} does not serve policynodestatuses.muslin.dev: are Muslin's CRDs installed?`,
  );
}
