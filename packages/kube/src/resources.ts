import type { Resource } from './resource.ts';

const inNamespace = (group: string, version: string, plural: string, kind: string): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced: true,
});
const inCluster = (group: string, version: string, plural: string, kind: string): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced: false,
});
const calico = 'projectcalico.org';

/** Every resource that some program of Muslin reads or writes, by kind; Calico's NetworkPolicy has a prefix. */
export const RESOURCES = {
  Pod: inNamespace('', 'v1', 'pods', 'Pod'),
  Node: inCluster('', 'v1', 'nodes', 'Node'),
  Namespace: inCluster('', 'v1', 'namespaces', 'Namespace'),
  Service: inNamespace('', 'v1', 'services', 'Service'),
  ServiceAccount: inNamespace('', 'v1', 'serviceaccounts', 'ServiceAccount'),
  Secret: inNamespace('', 'v1', 'secrets', 'Secret'),
  ConfigMap: inNamespace('', 'v1', 'configmaps', 'ConfigMap'),
  Event: inNamespace('', 'v1', 'events', 'Event'),
  /** Answered, not stored: who a token is. */
  TokenReview: inCluster('authentication.k8s.io', 'v1', 'tokenreviews', 'TokenReview'),
  EndpointSlice: inNamespace('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice'),
  NetworkPolicy: inNamespace('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy'),
  ClusterNetworkPolicy: inCluster(
    'policy.networking.k8s.io',
    'v1alpha2',
    'clusternetworkpolicies',
    'ClusterNetworkPolicy',
  ),
  AdminNetworkPolicy: inCluster(
    'policy.networking.k8s.io',
    'v1alpha1',
    'adminnetworkpolicies',
    'AdminNetworkPolicy',
  ),
  BaselineAdminNetworkPolicy: inCluster(
    'policy.networking.k8s.io',
    'v1alpha1',
    'baselineadminnetworkpolicies',
    'BaselineAdminNetworkPolicy',
  ),
  Lease: inNamespace('coordination.k8s.io', 'v1', 'leases', 'Lease'),
  CustomResourceDefinition: inCluster(
    'apiextensions.k8s.io',
    'v1',
    'customresourcedefinitions',
    'CustomResourceDefinition',
  ),
  CalicoNetworkPolicy: inNamespace(calico, 'v3', 'networkpolicies', 'NetworkPolicy'),
  GlobalNetworkPolicy: inCluster(calico, 'v3', 'globalnetworkpolicies', 'GlobalNetworkPolicy'),
  StagedNetworkPolicy: inNamespace(calico, 'v3', 'stagednetworkpolicies', 'StagedNetworkPolicy'),
  StagedGlobalNetworkPolicy: inCluster(
    calico,
    'v3',
    'stagedglobalnetworkpolicies',
    'StagedGlobalNetworkPolicy',
  ),
  StagedKubernetesNetworkPolicy: inNamespace(
    calico,
    'v3',
    'stagedkubernetesnetworkpolicies',
    'StagedKubernetesNetworkPolicy',
  ),
  Tier: inCluster(calico, 'v3', 'tiers', 'Tier'),
  NetworkSet: inNamespace(calico, 'v3', 'networksets', 'NetworkSet'),
  GlobalNetworkSet: inCluster(calico, 'v3', 'globalnetworksets', 'GlobalNetworkSet'),
  HostEndpoint: inCluster(calico, 'v3', 'hostendpoints', 'HostEndpoint'),
  IPPool: inCluster(calico, 'v3', 'ippools', 'IPPool'),
  IPReservation: inCluster(calico, 'v3', 'ipreservations', 'IPReservation'),
  BGPConfiguration: inCluster(calico, 'v3', 'bgpconfigurations', 'BGPConfiguration'),
  BGPPeer: inCluster(calico, 'v3', 'bgppeers', 'BGPPeer'),
  BGPFilter: inCluster(calico, 'v3', 'bgpfilters', 'BGPFilter'),
  FelixConfiguration: inCluster(calico, 'v3', 'felixconfigurations', 'FelixConfiguration'),
  ClusterInformation: inCluster(calico, 'v3', 'clusterinformations', 'ClusterInformation'),
  KubeControllersConfiguration: inCluster(
    calico,
    'v3',
    'kubecontrollersconfigurations',
    'KubeControllersConfiguration',
  ),
  AddressNodeStatus: inCluster('muslin.dev', 'v1alpha1', 'addressnodestatuses', 'AddressNodeStatus'),
  CalicoNodeStatus: inCluster(calico, 'v3', 'caliconodestatuses', 'CalicoNodeStatus'),
  IPAMConfiguration: inCluster(calico, 'v3', 'ipamconfigurations', 'IPAMConfiguration'),
  BlockAffinity: inCluster(calico, 'v3', 'blockaffinities', 'BlockAffinity'),
  IPAMBlock: inCluster(calico, 'v3', 'ipamblocks', 'IPAMBlock'),
  IPAMHandle: inCluster(calico, 'v3', 'ipamhandles', 'IPAMHandle'),
  BGPPeerPolicy: inCluster('muslin.dev', 'v1alpha1', 'bgppeerpolicies', 'BGPPeerPolicy'),
  BGPQuestion: inCluster('muslin.dev', 'v1alpha1', 'bgpquestions', 'BGPQuestion'),
} as const satisfies Record<string, Resource>;
