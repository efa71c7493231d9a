import type { Family } from '@muslin/net';
import { runCommand } from '../command.ts';
import type { Namespace } from '../netns/namespace.ts';
import type { Backend } from './iptables-driver.ts';

/** Which back end to use, and why. */
export interface BackendChoice {
  readonly backend: Backend;
  readonly because: 'kube-chains' | 'more-rules' | 'system-default' | 'only-one-installed';
}

const BACKENDS = ['nft', 'legacy'] as const;
/** Chains by which kubelet marks the back end that the node uses (KEP-3178). */
const KUBE_CHAINS = /^:(KUBE-IPTABLES-HINT|KUBE-KUBELET-CANARY|KUBE-)/m;

/**
 * Chooses the iptables back end of a node the way Kubernetes' iptables-wrappers do: the one that holds kubelet's
 * or kube-proxy's chains, else the one with more rules, else what plain `iptables` uses. Mixing both on one node
 * makes packets pass both sets of rules, so the node's other programs decide.
 */
export async function detectBackend(family: Family = 4, namespace?: Namespace): Promise<BackendChoice> {
  const name = family === 4 ? 'iptables' : 'ip6tables';
  const saved = await Promise.all(
    BACKENDS.map(backend => runCommand(`${name}-${backend}-save`, [], { namespace })),
  );
  return chooseBackend(
    saved.map(save => (save.ok ? save.value : undefined)) as [string | undefined, string | undefined],
    async () => {
      const version = await runCommand(name, ['--version']);
      return version.ok && version.value.includes('legacy') ? 'legacy' : 'nft';
    },
  );
}

/** The decision alone: what both save commands printed (undefined: not installed) and the system's default. */
export async function chooseBackend(
  [nft, legacy]: readonly [nft: string | undefined, legacy: string | undefined],
  systemDefault: () => Promise<Backend>,
): Promise<BackendChoice> {
  if (nft === undefined || legacy === undefined)
    return {
      backend: nft === undefined && legacy !== undefined ? 'legacy' : 'nft',
      because: 'only-one-installed',
    };
  if (KUBE_CHAINS.test(nft)) return { backend: 'nft', because: 'kube-chains' };
  if (KUBE_CHAINS.test(legacy)) return { backend: 'legacy', because: 'kube-chains' };
  const rules = (text: string) => text.match(/^-A /gm)?.length ?? 0;
  const [inNft, inLegacy] = [rules(nft), rules(legacy)];
  if (inNft !== inLegacy) return { backend: inNft > inLegacy ? 'nft' : 'legacy', because: 'more-rules' };
  return { backend: await systemDefault(), because: 'system-default' };
}
