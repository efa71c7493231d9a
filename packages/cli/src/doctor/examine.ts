import { type KubeClient, RESOURCES, type Resource } from '@muslin/kube';
import { BGP_NODE_STATUS } from '../bgp/node-status.ts';
import { DEFINED_KINDS } from '../files/definitions.ts';
import type { Lister } from '../live/lister.ts';
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

/** `once`: the same cluster, asked about each kind at most once. */
export async function examine(client: KubeClient, once: Lister, now: Date): Promise<Examination> {
  // Blocks and handles bear no conditions, and may be many; the IPAM check reads them.
  const ours = DEFINED_KINDS.filter(({ kind }) => !/^(IPAM|BlockAffinity)/.test(kind));
  // What is proven of addresses rests on the order of its own questions, so it shares no answer; it takes longest.
  const about = addressFindings(client, now);
  const asked = readKind(once, RESOURCES.Node);
  const told = asked.then(({ objects }) => objects.flatMap(({ metadata }) => metadata.name ?? []));
  const inForce = policyFindings(once, told, now);
  const [nodes, crds, sets, deployments, reports, ...objects] = await Promise.all([
    asked,
    readKind(once, RESOURCES.CustomResourceDefinition),
    readKind(once, DAEMON_SETS),
    readKind(once, DEPLOYMENTS),
    readKind(once, BGP_NODE_STATUS),
    ...ours.map(async resource => {
      const read = await readKind(once, resource);
      return { ...read, objects: read.objects.map(object => ({ ...object, kind: resource.kind })) };
    }),
  ]);
  const names = await told;
  const all = objects.flatMap(read => read.objects);
  const silentUnlessServed = reports.served ? names : [];
  const [policy, addresses] = await Promise.all([inForce, about]);
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
