import { bang, type MatchRow, unless } from '../match-row.ts';
import type { ConntrackState } from '../packet.ts';

/** The connection's state is one of these. */
export interface ConntrackMatch {
  readonly kind: 'conntrack';
  readonly states: readonly ConntrackState[];
  readonly not?: true;
}

export const conntrackRow: MatchRow<ConntrackMatch> = {
  iptables: m => ['-m', 'conntrack', ...bang(m), '--ctstate', m.states.join(',')],
  // Without braces it is a test of bits, which is cheaper than a look-up.
  nft: m => {
    const states = m.states.map(state => state.toLowerCase()).join(',');
    return m.not ? `ct state != { ${states} }` : `ct state ${states}`;
  },
  evaluate: (m, packet) => unless(m, m.states.includes(packet.ctState)),
};
