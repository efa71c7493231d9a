import { bang, type MatchRow, unequal, unless } from '../match-row.ts';

/**
 * The address is one of the node's own. (Other address types are left out: to xt_addrtype a local IPv6 address
 * is UNICAST too, to nftables it is not.)
 */
export interface LocalAddressMatch {
  readonly kind: 'local-address';
  readonly side: 'src' | 'dst';
  readonly not?: true;
}

export const localAddressRow: MatchRow<LocalAddressMatch> = {
  iptables: m => ['-m', 'addrtype', ...bang(m), m.side === 'src' ? '--src-type' : '--dst-type', 'LOCAL'],
  nft: m => `fib ${m.side === 'src' ? 'saddr' : 'daddr'} type ${unequal(m)}local`,
  evaluate: (m, packet) => unless(m, (m.side === 'src' ? packet.srcLocal : packet.dstLocal) ?? false),
};
