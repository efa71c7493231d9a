import { formatPrefix, hostPrefix, type Ip, type Prefix, prefixHas, widthOf } from '@muslin/net';
import { type ClusterFacts, configurationOf } from './cluster-facts.ts';
import type { ServiceEndpoint, ServiceRouteFacts } from './service-facts.ts';

/** Nodes with this label take no packets for Services from outside (Kubernetes well-known label). */
export const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers';

/**
 * Routes to Services that a node tells the world: the CIDRs of BGPConfiguration, and a host route per address where
 * the CIDR alone would lead packets to the wrong node. A function of the whole state, so no event can be missed.
 */
export function serviceRoutes(facts: ClusterFacts, nodeName: string): readonly Prefix[] {
  const node = facts.nodes.get(nodeName);
  if (node === undefined || node.labels.has(EXCLUDED)) return [];
  const configuration = configurationOf(facts, nodeName);
  const aggregated = configuration.serviceLoadBalancerAggregation === 'Enabled';
  const endpoints = endpointsOf(facts);
  const routes = new Map<string, Prefix>();
  const put = (prefix: Prefix) => routes.set(formatPrefix(prefix), prefix);

  for (const cidr of [...configuration.serviceClusterIps, ...configuration.serviceExternalIps]) put(cidr);
  for (const cidr of configuration.serviceLoadBalancerIps) if (aggregated || isHost(cidr)) put(cidr);

  for (const [key, service] of facts.services) {
    const known = endpoints.get(key) ?? [];
    for (const { ip, individual } of addressesOf(service, configuration, aggregated)) {
      const route = hostPrefix(ip);
      if (service.local) {
        if (hasLocal(known, nodeName)) put(route);
        // A CIDR of this one address would draw packets to nodes that drop them.
        else routes.delete(formatPrefix(route));
      } else if (individual && known.some(answers)) put(route);
    }
  }
  return [...routes.values()];
}

function addressesOf(
  service: ServiceRouteFacts,
  configuration: ReturnType<typeof configurationOf>,
  aggregated: boolean,
): readonly { readonly ip: Ip; readonly individual: boolean }[] {
  const inside = (ips: readonly Ip[], cidrs: readonly Prefix[], individual: boolean) =>
    ips.filter(ip => cidrs.some(cidr => prefixHas(cidr, ip))).map(ip => ({ ip, individual }));
  return [
    ...inside(service.clusterIps, configuration.serviceClusterIps, false),
    ...inside(service.externalIps, configuration.serviceExternalIps, false),
    ...inside(service.loadBalancerIps, configuration.serviceLoadBalancerIps, !aggregated),
  ];
}

/** A pod that ends but still answers keeps its connections (KEP-1669): the route stays until the last one is gone. */
function answers(endpoint: ServiceEndpoint): boolean {
  return endpoint.ready || endpoint.serving;
}

function hasLocal(endpoints: readonly ServiceEndpoint[], node: string): boolean {
  return endpoints.some(endpoint => endpoint.node === node && answers(endpoint));
}

function endpointsOf(facts: ClusterFacts): ReadonlyMap<string, readonly ServiceEndpoint[]> {
  const found = new Map<string, ServiceEndpoint[]>();
  for (const { service, endpoints } of facts.slices.values()) {
    const list = found.get(service) ?? [];
    list.push(...endpoints);
    found.set(service, list);
  }
  return found;
}

function isHost(prefix: Prefix): boolean {
  return prefix.length === widthOf(prefix.ip.family);
}
