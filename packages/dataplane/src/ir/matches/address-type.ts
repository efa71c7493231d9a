import { bang, type MatchRow, unequal, unless } from '../match-row.ts';
import type { AddressType } from '../packet.ts';

/** What the routing table says of one of the addresses. */
export interface AddressTypeMatch {
  readonly kind: 'address-type';
  readonly side: 'src' | 'dst';
  readonly type: AddressType;
  readonly not?: true;
}

export const addressTypeRow: MatchRow<AddressTypeMatch> = {
  iptables: m => ['-m', 'addrtype', ...bang(m), m.side === 'src' ? '--src-type' : '--dst-type', m.type],
  nft: m => `fib ${m.side === 'src' ? 'saddr' : 'daddr'} type ${unequal(m)}${m.type.toLowerCase()}`,
  evaluate: (m, packet) =>
    unless(m, ((m.side === 'src' ? packet.srcType : packet.dstType) ?? 'UNICAST') === m.type),
};
