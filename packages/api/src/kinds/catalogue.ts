import { addressNodeStatus } from './address-node-status.ts';
import { bgpConfiguration } from './bgp-configuration.ts';
import { bgpFilter } from './bgp-filter.ts';
import { bgpNodeStatus } from './bgp-node-status.ts';
import { bgpPeer } from './bgp-peer.ts';
import { bgpPeerPolicy } from './bgp-peer-policy.ts';
import { bgpQuestion } from './bgp-question.ts';
import { calicoNodeStatus } from './calico-node-status.ts';
import { clusterInformation } from './cluster-information.ts';
import { felixConfiguration } from './felix-configuration.ts';
import { globalNetworkPolicy, stagedGlobalNetworkPolicy } from './global-network-policy.ts';
import { hostEndpoint } from './host-endpoint.ts';
import { ipPool } from './ip-pool.ts';
import { ipReservation } from './ip-reservation.ts';
import { blockAffinity, ipamBlock, ipamConfiguration, ipamHandle } from './ipam.ts';
import type { Kind } from './kind.ts';
import { kubeControllersConfiguration } from './kube-controllers-configuration.ts';
import { networkPolicy, stagedNetworkPolicy } from './network-policy.ts';
import { globalNetworkSet, networkSet } from './network-set.ts';
import { policyNodeStatus } from './policy-node-status.ts';
import { policyStatus } from './policy-status.ts';
import { stagedKubernetesNetworkPolicy } from './staged-kubernetes-network-policy.ts';
import { tier } from './tier.ts';

/** Every kind that Muslin defines, sorted by group and name. */
export const KINDS: readonly Kind[] = [
  addressNodeStatus,
  bgpNodeStatus,
  bgpPeerPolicy,
  bgpQuestion,
  policyNodeStatus,
  policyStatus,
  bgpConfiguration,
  bgpFilter,
  bgpPeer,
  blockAffinity,
  calicoNodeStatus,
  clusterInformation,
  felixConfiguration,
  globalNetworkPolicy,
  globalNetworkSet,
  hostEndpoint,
  ipamBlock,
  ipamConfiguration,
  ipamHandle,
  ipPool,
  ipReservation,
  kubeControllersConfiguration,
  networkPolicy,
  networkSet,
  stagedGlobalNetworkPolicy,
  stagedKubernetesNetworkPolicy,
  stagedNetworkPolicy,
  tier,
];
