import { type BgpConfigurationFacts, DEFAULT_BGP_CONFIGURATION, readBgpConfiguration } from '@muslin/api';

/** What BGPConfigurations say of a node: `node.<name>` over `default`; what can't be read says nothing. */
export function bgpSettings(
  configurations: ReadonlyMap<string, unknown>,
  node: string,
): BgpConfigurationFacts {
  const read = (name: string, base: BgpConfigurationFacts) => {
    const object = configurations.get(name);
    return object === undefined ? base : (readBgpConfiguration(object, base).value ?? base);
  };
  return read(`node.${node}`, read('default', DEFAULT_BGP_CONFIGURATION));
}
