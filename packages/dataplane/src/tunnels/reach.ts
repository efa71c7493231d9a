import { formatIp, formatPrefix, type Ip, type Prefix, prefixHas } from '@muslin/net';

/** When packets to another node's pods are encapsulated (IPPool `vxlanMode`, `ipipMode`). */
export type TunnelMode = 'Always' | 'CrossSubnet' | 'Never';

/** A subnet that this node is in. */
export interface OnLink {
  readonly prefix: Prefix;
  readonly interfaceName: string;
}

/** How another node's pods are reached, and why so. */
export interface Reach {
  readonly by: 'tunnel' | 'direct' | 'others';
  readonly why: string;
  /** Of the shared subnet, where it goes directly. */
  readonly interfaceName?: string;
}

/**
 * Whether packets to a node are encapsulated. Two nodes share a subnet when one of this node's on-link prefixes holds
 * the other's address; where this node does not know its prefixes they go by tunnel, which works everywhere.
 */
export function reachOf(mode: TunnelMode, onLink: readonly OnLink[], node: Ip): Reach {
  if (mode === 'Never') return { by: 'others', why: 'its pool has no encapsulation: BGP carries its routes' };
  if (mode === 'Always') return { by: 'tunnel', why: 'its pool always encapsulates' };
  const same = onLink.filter(({ prefix }) => prefix.ip.family === node.family);
  const shared = same.find(({ prefix }) => prefixHas(prefix, node));
  if (shared !== undefined)
    return {
      by: 'direct',
      why: `${formatIp(node)} is in this node's subnet ${formatPrefix(shared.prefix)}`,
      interfaceName: shared.interfaceName,
    };
  if (same.length === 0)
    return { by: 'tunnel', why: `this node knows no IPv${node.family} subnet of its own` };
  return {
    by: 'tunnel',
    why: `${formatIp(node)} is outside this node's ${same.map(({ prefix }) => formatPrefix(prefix)).join(', ')}`,
  };
}
