import { formatPrefix, type Prefix, prefixHas } from '@muslin/net';
import { bang, type MatchRow, oneOf, unequal, unless } from '../match-row.ts';

/** The address is in one of the prefixes. None given: never (negated: always). */
export interface AddressMatch {
  readonly kind: 'source' | 'destination';
  readonly nets: readonly Prefix[];
  readonly not?: true;
}

/** iptables says one prefix per side and rule; `lower` sees to that. */
export const addressRow: MatchRow<AddressMatch> = {
  iptables: m => {
    const [only, ...more] = m.nets;
    if (only === undefined || more.length > 0) throw new Error('iptables takes one prefix per rule and side');
    return [...bang(m), m.kind === 'source' ? '-s' : '-d', formatPrefix(only)];
  },
  nft: (m, family) => {
    const side = `${family === 4 ? 'ip' : 'ip6'} ${m.kind === 'source' ? 'saddr' : 'daddr'}`;
    return `${side} ${unequal(m)}${oneOf(m.nets.map(formatPrefix))}`;
  },
  evaluate: (m, packet) => {
    const ip = m.kind === 'source' ? packet.src : packet.dst;
    return unless(
      m,
      m.nets.some(net => prefixHas(net, ip)),
    );
  },
};
