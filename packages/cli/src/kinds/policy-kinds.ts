import type { AnyObject } from '@muslin/kube';
import { listAt, numberAt, textAt, valueAt } from '../files/json.ts';
import type { Column } from '../output/table.ts';
import { type KindRow, NAME } from './kind-row.ts';

const isKubernetes = (object: AnyObject) => object.apiVersion?.startsWith('networking.k8s.io/') ?? false;

const TIER: Column<AnyObject> = { head: 'TIER', cell: object => textAt(object, 'spec', 'tier') ?? 'default' };
const ORDER: Column<AnyObject> = {
  head: 'ORDER',
  wide: true,
  // Calico gives every NetworkPolicy of Kubernetes this order (calico.md §1.1).
  cell: object => (isKubernetes(object) ? 1000 : numberAt(object, 'spec', 'order')),
};
const SELECTOR: Column<AnyObject> = {
  head: 'SELECTOR',
  wide: true,
  cell: object =>
    isKubernetes(object) || valueAt(object, 'spec', 'podSelector') !== undefined
      ? JSON.stringify(valueAt(object, 'spec', 'podSelector') ?? {})
      : textAt(object, 'spec', 'selector'),
};
const API: Column<AnyObject> = { head: 'API', cell: object => object.apiVersion };
const policyColumns = () => [NAME, TIER, ORDER, SELECTOR];

const NETS: Column<AnyObject> = { head: 'NETS', cell: object => listAt(object, 'spec', 'nets').join(',') };

/** Policies, their tiers, and what they can select besides pods. */
export const POLICY_KINDS: readonly KindRow[] = [
  {
    names: ['networkpolicies', 'networkpolicy', 'policies', 'policy', 'np', 'pol', 'netpol'],
    resources: ['NetworkPolicy', 'CalicoNetworkPolicy'],
    namespaced: true,
    columns: () => [NAME, API, TIER, ORDER, SELECTOR],
  },
  {
    names: ['globalnetworkpolicies', 'globalnetworkpolicy', 'gnp', 'cgnp', 'globalpolicies'],
    resources: ['GlobalNetworkPolicy'],
    namespaced: false,
    columns: policyColumns,
  },
  {
    names: ['stagednetworkpolicies', 'stagednetworkpolicy', 'snp', 'scnp', 'spol'],
    resources: ['StagedNetworkPolicy'],
    namespaced: true,
    columns: policyColumns,
  },
  {
    names: ['stagedglobalnetworkpolicies', 'stagedglobalnetworkpolicy', 'sgnp'],
    resources: ['StagedGlobalNetworkPolicy'],
    namespaced: false,
    columns: policyColumns,
  },
  {
    names: ['stagedkubernetesnetworkpolicies', 'stagedkubernetesnetworkpolicy', 'sknp', 'skpol'],
    resources: ['StagedKubernetesNetworkPolicy'],
    namespaced: true,
    columns: () => [NAME, SELECTOR],
  },
  {
    names: ['clusternetworkpolicies', 'clusternetworkpolicy', 'cnp'],
    resources: ['ClusterNetworkPolicy'],
    namespaced: false,
    columns: () => [
      NAME,
      { head: 'TIER', cell: object => textAt(object, 'spec', 'tier') },
      { head: 'PRIORITY', cell: object => numberAt(object, 'spec', 'priority') },
    ],
  },
  {
    names: ['tiers', 'tier'],
    resources: ['Tier'],
    namespaced: false,
    columns: () => [
      NAME,
      { head: 'ORDER', cell: object => numberAt(object, 'spec', 'order') },
      {
        head: 'DEFAULT ACTION',
        wide: true,
        cell: object => textAt(object, 'spec', 'defaultAction') ?? 'Deny',
      },
    ],
  },
  {
    names: ['networksets', 'networkset', 'netset', 'netsets'],
    resources: ['NetworkSet'],
    namespaced: true,
    columns: () => [NAME, NETS],
  },
  {
    names: ['globalnetworksets', 'globalnetworkset', 'gns', 'gnetset', 'gnetsets'],
    resources: ['GlobalNetworkSet'],
    namespaced: false,
    columns: () => [NAME, NETS],
  },
  {
    names: ['hostendpoints', 'hostendpoint', 'hep', 'heps'],
    resources: ['HostEndpoint'],
    namespaced: false,
    columns: () => [
      NAME,
      { head: 'NODE', cell: object => textAt(object, 'spec', 'node') },
      { head: 'INTERFACE', wide: true, cell: object => textAt(object, 'spec', 'interfaceName') },
      { head: 'IPS', wide: true, cell: object => listAt(object, 'spec', 'expectedIPs').join(',') },
      { head: 'PROFILES', wide: true, cell: object => listAt(object, 'spec', 'profiles').join(',') },
    ],
  },
];
