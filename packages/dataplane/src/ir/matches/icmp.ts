import { bang, type MatchRow, unequal, unless } from '../match-row.ts';
import { ICMP_PROTOCOL } from '../packet.ts';

/** ICMP of the packet's family with this type, and code when given. Other protocols never match. */
export interface IcmpTypeMatch {
  readonly kind: 'icmp';
  readonly type: number;
  readonly code?: number;
  readonly not?: true;
}

/** Both back ends need the protocol in the same rule; `lower` sees to that. */
export const icmpRow: MatchRow<IcmpTypeMatch> = {
  iptables: (m, family) => {
    const [module, option] = family === 4 ? ['icmp', '--icmp-type'] : ['icmp6', '--icmpv6-type'];
    const value = m.code === undefined ? `${m.type}` : `${m.type}/${m.code}`;
    return ['-m', module, ...bang(m), option, value];
  },
  nft: (m, family) => {
    const head = family === 4 ? 'icmp' : 'icmpv6';
    if (m.code === undefined) return `${head} type ${unequal(m)}${m.type}`;
    return `${head} type . ${head} code ${unequal(m)}{ ${m.type} . ${m.code} }`;
  },
  evaluate: (m, packet) =>
    unless(
      m,
      packet.protocol === ICMP_PROTOCOL[packet.family] &&
        packet.icmp?.type === m.type &&
        (m.code === undefined || packet.icmp.code === m.code),
    ),
};
