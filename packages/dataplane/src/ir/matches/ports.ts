import { formatPortRange, type PortSet, portSetHas } from '@muslin/net';
import { bang, type MatchRow, oneOf, unequal, unless } from '../match-row.ts';
import { PORT_PROTOCOLS } from '../packet.ts';

/** The port is in the set. A packet without ports has none in any set (negated: matches). */
export interface PortsMatch {
  readonly kind: 'source-ports' | 'destination-ports';
  readonly ports: PortSet;
  readonly not?: true;
}

/** Places a port set takes in a multiport match (15 at most): one per port, two per range. */
export function portSlots(ports: PortSet): number {
  return ports.reduce((sum, range) => sum + (range.first === range.last ? 1 : 2), 0);
}

/** iptables needs the protocol in the same rule; `lower` sees to that, for nftables too. */
export const portsRow: MatchRow<PortsMatch> = {
  iptables: m => [
    '-m',
    'multiport',
    ...bang(m),
    m.kind === 'source-ports' ? '--sports' : '--dports',
    m.ports.map(formatPortRange).join(','),
  ],
  nft: m => {
    const ports = m.ports.map(r => (r.first === r.last ? `${r.first}` : `${r.first}-${r.last}`));
    return `th ${m.kind === 'source-ports' ? 'sport' : 'dport'} ${unequal(m)}${oneOf(ports)}`;
  },
  evaluate: (m, packet) => {
    const port = m.kind === 'source-ports' ? packet.sport : packet.dport;
    const has = port !== undefined && PORT_PROTOCOLS.has(packet.protocol) && portSetHas(m.ports, port);
    return unless(m, has);
  },
};
