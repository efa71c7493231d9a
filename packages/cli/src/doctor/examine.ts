import { type KubeClient, RESOURCES, type Resource } from '@muslin/kube';
import { BGP_NODE_STATUS } from '../bgp/node-status.ts';
import { DEFINED_KINDS } from '../files/definitions.ts';
import { addressFindings } from './address-findings.ts';
import { bgpFindings } from './bgp-findings.ts';
import { definitionFindings } from './definition-findings.ts';
import { type Finding, worstFirst } from './finding.ts';
import { conditionFindings, datastoreFindings, nodeFindings } from './object-findings.ts';
import { policyFindings } from './policy-findings.ts';
import { fanoutFindings, programFindings } from './program-findings.ts';
import { readKind } from './read-kind.ts';

const workloads = (plural: string, kind: string): Resource => ({
  ...{ group: 'apps', version: 'v1', plural, kind, namespaced: true },
});
export const DAEMON_SETS = workloads('daemonsets', 'DaemonSet');
export const DEPLOYMENTS = workloads('deployments', 'Deployment');

/** All findings of a cluster, worst first, and what was looked at. */
export interface Examination {
  readonly nodes: number;
  readonly objects: number;
  readonly findings: readonly Finding[];
}

export async function examine(client: KubeClient, now: Date): Promise<Examination> {
  // Blocks and handles bear no conditions, and may be many; the IPAM check reads them.
  const ours = DEFINED_KINDS.filter(({ kind }) => !/^(IPAM|BlockAffinity)/.test(kind));
  const [nodes, crds, sets, deployments, reports, ...objects] = await Promise.all([
    readKind(client, RESOURCES.Node),
    readKind(client, RESOURCES.CustomResourceDefinition),
    readKind(client, DAEMON_SETS),
    readKind(client, DEPLOYMENTS),
    readKind(client, BGP_NODE_STATUS),
    ...ours.map(async resource => {
      const read = await readKind(client, resource);
      return { ...read, objects: read.objects.map(object => ({ ...object, kind: resource.kind })) };
    }),
  ]);
  const names = nodes.objects.flatMap(({ metadata }) => metadata.name ?? []);
  const all = objects.flatMap(read => read.objects);
  const silentUnlessServed = reports.served ? names : [];
  const [policy, addresses] = await Promise.all([
    policyFindings(client, names),
    addressFindings(client, now),
  ]);
  return {
    nodes: names.length,
    objects: all.length,
    findings: worstFirst([
      ...[nodes, crds, sets, deployments, reports, ...objects].flatMap(read => read.findings),
      ...datastoreFindings(all.filter(({ kind }) => kind === 'ClusterInformation')),
      ...definitionFindings(crds.objects),
      ...nodeFindings(nodes.objects),
      ...programFindings(
        sets.objects.map(object => ({ ...object, kind: 'DaemonSet' })),
        deployments.objects.map(object => ({ ...object, kind: 'Deployment' })),
      ),
      ...fanoutFindings(sets.objects, all),
      ...policy,
      ...addresses,
      ...bgpFindings(reports.objects, silentUnlessServed, now),
      ...conditionFindings(all, policy),
    ]),
  };
}
