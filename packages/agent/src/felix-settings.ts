import type { AnyObject } from '@muslin/kube';

/** What FelixConfigurations ask of this node, as far as it can be changed while it runs. */
export interface FelixSettings {
  readonly nftables?: 'enabled' | 'disabled';
  readonly iptables?: 'nft' | 'legacy';
  readonly established?: 'cut' | 'keep';
}

/** Calico has no field for it: `muslin.dev/established: keep` on a FelixConfiguration. */
export const ESTABLISHED_ANNOTATION = 'muslin.dev/established';

/**
 * Joins `default` with `node.<name>`, whose fields win. `Auto`, which the API server fills in, is no wish, and
 * neither is a value that nobody knows.
 */
export function felixSettings(configurations: Iterable<AnyObject>, node: string): FelixSettings {
  const byName = new Map([...configurations].map(object => [object.metadata.name, object]));
  const found = ['default', `node.${node}`].map(name => settingsOf(byName.get(name)));
  return Object.assign({}, ...found) as FelixSettings;
}

function settingsOf(object: AnyObject | undefined): FelixSettings {
  if (object === undefined) return {};
  const { nftablesMode, iptablesBackend } = (object['spec'] ?? {}) as {
    readonly [field: string]: unknown;
  };
  const nftables = MODES.get(nftablesMode);
  const iptables = BACKENDS.get(iptablesBackend);
  const established = object.metadata.annotations?.[ESTABLISHED_ANNOTATION]?.toLowerCase();
  return {
    ...(nftables === undefined ? {} : { nftables }),
    ...(iptables === undefined ? {} : { iptables }),
    ...(established === 'cut' || established === 'keep' ? { established } : {}),
  };
}

const MODES = new Map<unknown, 'enabled' | 'disabled'>([
  ['Enabled', 'enabled'],
  ['Disabled', 'disabled'],
]);
const BACKENDS = new Map<unknown, 'nft' | 'legacy'>([
  ['NFT', 'nft'],
  ['Legacy', 'legacy'],
]);
