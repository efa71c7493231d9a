/**
 * Every resource that people write, and the normalised forms that all other rooms think in.
 *
 * @packageDocumentation
 */
export type * from './model/bgp.ts';
export type * from './model/bgp-peer-policy.ts';
export * from './model/change.ts';
export type * from './model/node-state.ts';
export type * from './model/policy.ts';
export * from './model/selector.ts';
export type * from './model/snapshot.ts';
export {
  effectiveHostLabels,
  effectiveLabels,
  effectiveNetworkSetLabels,
  isReservedLabel,
  ownLabels,
} from './selector/effective-labels.ts';
export { type LabelSelectorFault, selectorFromLabelSelector } from './selector/label-selector.ts';
export { isNothing, NOTHING, normalSelector } from './selector/normal-form.ts';
export { andSelectors, formatSelector, matchesSelector, withPrefix } from './selector/selector-algebra.ts';
export {
  MAX_SELECTOR_DEPTH,
  MAX_SELECTOR_LENGTH,
  parseSelector,
  type SelectorFault,
} from './selector/selector-parser.ts';
export {
  isForNode,
  type WorkloadPeerFacts,
  workloadPeerOf,
  workloadPeers,
} from './selector/workload-peer.ts';
export { DEFAULT_BGP_CONFIGURATION, readBgpConfiguration } from './normalise/bgp-configuration.ts';
export { parseCommunity } from './normalise/bgp-field.ts';
export { readBgpFilter } from './normalise/bgp-filter.ts';
export { readBgpPeer } from './normalise/bgp-peer.ts';
export { readBgpPeerPolicy } from './normalise/bgp-peer-policy.ts';
export { parseDuration } from './normalise/duration-field.ts';
export type { Fact, Normalised, Read, SliceFacts } from './normalise/fact.ts';
export { readNamespace } from './normalise/namespace.ts';
export { readPod } from './normalise/pod.ts';
export { readServiceAccount } from './normalise/service-account.ts';
export { readIpPool } from './normalise/ip-pool.ts';
export { readIpReservation } from './normalise/ip-reservation.ts';
export { parseAsNumber, readNode } from './normalise/node.ts';
export { TUNNEL_ANNOTATIONS } from './normalise/node-tunnels.ts';
export { NORMALISED_KINDS, normalise } from './normalise/normalise.ts';
export {
  type ResourceRef,
  SnapshotStore,
  snapshotOf,
  type Upserted,
} from './normalise/snapshot-store.ts';
export { sameValue } from './normalise/same-value.ts';
export { BUILT_IN_TIERS } from './normalise/tier.ts';
export { type Crd, crdOf, schemaOf } from './crd/crd.ts';
export { felixSupportPage, pageName, referenceIndex, referencePage } from './crd/reference-page.ts';
export { type SchemaNode, structuralOf } from './crd/structural.ts';
export { writeYaml } from './crd/yaml.ts';
export { bgpConfiguration } from './kinds/bgp-configuration.ts';
export { bgpFilter } from './kinds/bgp-filter.ts';
export { bgpNodeStatus } from './kinds/bgp-node-status.ts';
export { addressNodeStatus } from './kinds/address-node-status.ts';
export { policyNodeStatus } from './kinds/policy-node-status.ts';
export { policyStatus } from './kinds/policy-status.ts';
export { bgpPeer } from './kinds/bgp-peer.ts';
export { bgpPeerPolicy } from './kinds/bgp-peer-policy.ts';
export { bgpQuestion } from './kinds/bgp-question.ts';
export { calicoNodeStatus } from './kinds/calico-node-status.ts';
export { KINDS } from './kinds/catalogue.ts';
export { clusterInformation } from './kinds/cluster-information.ts';
export { felixConfiguration } from './kinds/felix-configuration.ts';
export { globalNetworkPolicy, stagedGlobalNetworkPolicy } from './kinds/global-network-policy.ts';
export { hostEndpoint } from './kinds/host-endpoint.ts';
export { ipPool } from './kinds/ip-pool.ts';
export { ipReservation } from './kinds/ip-reservation.ts';
export { blockAffinity, ipamBlock, ipamConfiguration, ipamHandle } from './kinds/ipam.ts';
export type { Kind, PrinterColumn, SpecOf, StatusOf } from './kinds/kind.ts';
export { kubeControllersConfiguration } from './kinds/kube-controllers-configuration.ts';
export { networkPolicy, stagedNetworkPolicy } from './kinds/network-policy.ts';
export { globalNetworkSet, networkSet } from './kinds/network-set.ts';
export { stagedKubernetesNetworkPolicy } from './kinds/staged-kubernetes-network-policy.ts';
export { tier } from './kinds/tier.ts';
