import type { AnyObject } from '@muslin/kube';
import { listAt, recordAt, textAt, valueAt } from '../files/json.ts';
import { formatAge } from '../output/age.ts';
import { shown } from './address-kinds.ts';
import { type KindRow, NAME } from './kind-row.ts';
import { profileOf } from './profile.ts';
import { workloadEndpointOf } from './workload-endpoint.ts';

const annotation = (node: AnyObject, key: string) =>
  textAt(node, 'metadata', 'annotations', `projectcalico.org/${key}`);

/** The annotation that routing uses, else the InternalIP of the family. */
function addressOf(node: AnyObject, family: 4 | 6): string | undefined {
  const internal = listAt(node, 'status', 'addresses')
    .filter(address => textAt(address, 'type') === 'InternalIP')
    .flatMap(address => textAt(address, 'address') ?? []);
  return annotation(node, `IPv${family}Address`) ?? internal.find(ip => ip.includes(':') === (family === 6));
}

function readyOf(node: AnyObject): string {
  const ready = listAt(node, 'status', 'conditions').find(condition => textAt(condition, 'type') === 'Ready');
  return { True: 'yes', False: 'no' }[textAt(ready, 'status') ?? ''] ?? 'unknown';
}

function blocksOf(node: AnyObject, affinities: readonly AnyObject[]): string {
  return affinities
    .filter(affinity => textAt(affinity, 'spec', 'node') === node.metadata.name)
    .flatMap(affinity => textAt(affinity, 'spec', 'cidr') ?? [])
    .join(',');
}

/** Nodes, pods as the network sees them, and the cluster's own settings. */
export const CLUSTER_KINDS: readonly KindRow[] = [
  {
    names: ['nodes', 'node', 'no'],
    resources: ['Node'],
    namespaced: false,
    joins: { resource: 'BlockAffinity', wide: true },
    columns: affinities => [
      NAME,
      { head: 'ASN', cell: node => annotation(node, 'ASNumber') ?? '(default)' },
      { head: 'IPV4', cell: node => addressOf(node, 4) },
      { head: 'IPV6', cell: node => addressOf(node, 6) },
      { head: 'READY', cell: readyOf },
      { head: 'POD BLOCKS', wide: true, cell: node => blocksOf(node, affinities) },
    ],
  },
  {
    names: ['workloadendpoints', 'workloadendpoint', 'wep', 'weps'],
    resources: ['Pod'],
    namespaced: true,
    derive: workloadEndpointOf,
    columns: () => [
      { head: 'WORKLOAD', cell: endpoint => textAt(endpoint, 'spec', 'pod') },
      { head: 'NODE', cell: endpoint => textAt(endpoint, 'spec', 'node') },
      { head: 'NETWORKS', cell: endpoint => listAt(endpoint, 'spec', 'ipNetworks').join(',') },
      { head: 'INTERFACE', cell: endpoint => textAt(endpoint, 'spec', 'interfaceName') },
      { head: 'PROFILES', wide: true, cell: endpoint => listAt(endpoint, 'spec', 'profiles').join(',') },
    ],
  },
  {
    names: ['profiles', 'profile', 'pro'],
    resources: ['Namespace', 'ServiceAccount'],
    namespaced: false,
    derive: profileOf,
    columns: () => [
      NAME,
      {
        head: 'LABELS',
        wide: true,
        cell: profile => Object.keys(recordAt(profile, 'spec', 'labelsToApply')).join(','),
      },
    ],
  },
  {
    names: ['felixconfigurations', 'felixconfiguration', 'felixconfig', 'felixconfigs'],
    resources: ['FelixConfiguration'],
    namespaced: false,
    columns: () => [NAME],
  },
  {
    names: [
      'kubecontrollersconfigurations',
      'kubecontrollersconfiguration',
      'kubecontrollersconfig',
      'kcc',
      'kccs',
    ],
    resources: ['KubeControllersConfiguration'],
    namespaced: false,
    columns: () => [NAME],
  },
  {
    names: ['clusterinformations', 'clusterinformation', 'clusterinfo', 'clusterinfos'],
    resources: ['ClusterInformation'],
    namespaced: false,
    columns: () => [
      NAME,
      ...['clusterGUID', 'clusterType', 'calicoVersion', 'datastoreReady'].map(field => ({
        head: field.toUpperCase(),
        cell: (object: AnyObject) => shown(valueAt(object, 'spec', field)),
      })),
    ],
  },
  {
    names: ['caliconodestatuses', 'caliconodestatus', 'nodestatus'],
    resources: ['CalicoNodeStatus'],
    namespaced: false,
    columns: (_, now) => [
      NAME,
      { head: 'NODE', cell: object => textAt(object, 'spec', 'node') },
      { head: 'CLASSES', cell: object => listAt(object, 'spec', 'classes').join(',') },
      { head: 'UPDATED', cell: object => formatAge(textAt(object, 'status', 'lastUpdated'), now) },
    ],
  },
];
