import { type BackendChoice, detectBackend, runCommand } from '@muslin/linux';
import type { BackEndWish } from '../felix-settings.ts';
import type { AgentOptions } from '../options.ts';
import type { BackEnd } from './back-end.ts';

/** A back end, and why it was taken. */
export interface BackEndChoice {
  readonly backEnd: BackEnd;
  readonly because: 'option' | 'FelixConfiguration' | 'kube-proxy-uses-nftables' | BackendChoice['because'];
}

/** What was seen on the node. */
export interface NodeRules {
  /** kube-proxy's own nftables table is there, and none of its iptables chains. */
  readonly kubeProxyInNftables: boolean;
  readonly iptables: BackendChoice;
}

/** Looks which rules the node's other programs use. */
export async function seeNodeRules(): Promise<NodeRules> {
  const { iptables, tables } = await look();
  return { iptables, kubeProxyInNftables: inNftables(iptables, tables ?? '') };
}

/** The same later on; undefined when not everything could be seen. */
export async function seeNodeRulesAgain(): Promise<NodeRules | undefined> {
  const { iptables, tables } = await look();
  return tables === undefined ? undefined : { iptables, kubeProxyInNftables: inNftables(iptables, tables) };
}

async function look() {
  const [iptables, tables] = await Promise.all([detectBackend(), runCommand('nft', ['list', 'tables'])]);
  return { iptables, tables: tables.ok ? tables.value : undefined };
}

const inNftables = ({ because }: BackendChoice, tables: string) =>
  /^table ip6? kube-proxy$/m.test(tables) && because !== 'kube-chains';

/**
 * An option that says something wins over FelixConfigurations, as Calico's environment does; then what kube-proxy
 * does decides (docs/decisions/0008).
 */
export function chooseBackEnd(
  wish: Pick<AgentOptions, 'dataplane' | 'iptables'>,
  felix: BackEndWish,
  seen: NodeRules,
): BackEndChoice {
  const iptables = (): BackEndChoice => {
    const variant = wish.iptables === 'auto' ? felix.iptables : wish.iptables;
    if (variant === undefined)
      return { backEnd: `iptables-${seen.iptables.backend}`, because: seen.iptables.because };
    return {
      backEnd: `iptables-${variant}`,
      because: wish.iptables === 'auto' ? 'FelixConfiguration' : 'option',
    };
  };
  if (wish.dataplane === 'nftables') return { backEnd: 'nftables', because: 'option' };
  if (wish.dataplane === 'iptables') return iptables();
  if (felix.nftables === 'enabled') return { backEnd: 'nftables', because: 'FelixConfiguration' };
  // Whoever names an iptables wants iptables.
  if (felix.nftables === 'disabled' || wish.iptables !== 'auto' || felix.iptables !== undefined)
    return iptables();
  return seen.kubeProxyInNftables ? { backEnd: 'nftables', because: 'kube-proxy-uses-nftables' } : iptables();
}
