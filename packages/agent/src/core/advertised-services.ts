import type { BgpConfigurationFacts } from '@muslin/api';
import type { Prefix } from '@muslin/net';

/** Prefixes of Services that a node advertises by BGP: packets for them come to it, whoever serves them. */
export function advertisedServices(settings: BgpConfigurationFacts): readonly Prefix[] {
  const { serviceClusterIps, serviceExternalIps, serviceLoadBalancerIps } = settings;
  return [...serviceClusterIps, ...serviceExternalIps, ...serviceLoadBalancerIps];
}
