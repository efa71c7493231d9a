import { type Finding, normalise, type Snapshot } from '@muslin/api';
import type { AnyObject } from '@muslin/kube';
import { ok, type Result } from '@muslin/net';
import type { Lister } from '../live/lister.ts';
import { liveWorld } from '../live/live-world.ts';
import { readNodeReports } from './node-reports.ts';
import { POLICY_KINDS, type PolicyRow, policyRow, selectedPods, type WrittenPolicy } from '@muslin/policy';

/** What all nodes say about every policy of the cluster. */
export async function readPolicyRows(
  client: Lister,
  now: Date,
): Promise<Result<readonly PolicyRow[], string>> {
  // Findings name an object as people do, without its group: two kinds are called NetworkPolicy.
  const policies: { readonly policy: WrittenPolicy; readonly findings: readonly Finding[] }[] = [];
  const world = await liveWorld(client, object => {
    const policy = writtenPolicy(object);
    if (policy !== undefined) policies.push({ policy, findings: normalise(object).findings });
  });
  if (!world.ok) return world;
  const reports = await readNodeReports(client, now);
  if (!reports.ok) return reports;
  const { snapshot } = world.value;
  const nodes = [...snapshot.nodes.keys()].toSorted();
  const byNode = new Map(reports.value.map(report => [report.node, report]));
  return ok(
    policies.map(({ policy, findings }) =>
      policyRow(
        policy,
        nodes,
        byNode,
        selectedPods(snapshot, policy.key),
        [...findings, ...missingTier(snapshot, policy)],
        policy.ref.kind.startsWith('Staged'),
        snapshot.policies.has(policy.key),
      ),
    ),
  );
}

function writtenPolicy({ apiVersion = '', kind = '', metadata }: AnyObject): WrittenPolicy | undefined {
  const row = POLICY_KINDS[`${apiVersion.split('/')[0]}/${kind}`];
  if (row === undefined) return undefined;
  const { name = '', namespace, uid = '', generation, resourceVersion = '' } = metadata;
  return {
    ref: { kind, ...(namespace !== undefined && { namespace }), name },
    key: [row.prefix, namespace, name].filter(part => part !== undefined).join('/'),
    watched: row.watched,
    uid,
    generation,
    resourceVersion,
  };
}

/** A policy may come before its tier (and Calico's own API server would refuse it): people ask why it comes last. */
function missingTier({ policies, tiers }: Snapshot, { key, ref }: WrittenPolicy): readonly Finding[] {
  const tier = policies.get(key)?.tier;
  if (tier === undefined || tiers.has(tier)) return [];
  const message = `there is no Tier ${tier}: until there is, this policy is asked after all others, and its tier ends with Deny`;
  return [{ object: ref, path: 'spec.tier', severity: 'warning', message }];
}
