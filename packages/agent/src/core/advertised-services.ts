import { type BgpConfigurationFacts, readBgpConfiguration } from '@muslin/api';
import type { Prefix } from '@muslin/net';

/** Prefixes of Services that a node advertises by BGP: packets for them come to it, whoever serves them. */
export function advertisedServices(
  configurations: ReadonlyMap<string, unknown>,
  node: string,
): readonly Prefix[] {
  const read = (name: string, base?: BgpConfigurationFacts) => {
    const object = configurations.get(name);
    return object === undefined ? base : (readBgpConfiguration(object, base).value ?? base);
  };
  const facts = read(`node.${node}`, read('default'));
  if (facts === undefined) return [];
  return [...facts.serviceClusterIps, ...facts.serviceExternalIps, ...facts.serviceLoadBalancerIps];
}
