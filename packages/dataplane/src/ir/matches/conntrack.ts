import { bang, type MatchRow, unequal, unless } from '../match-row.ts';
import type { ConntrackState } from '../packet.ts';

/** The connection's state is one of these. */
export interface ConntrackMatch {
  readonly kind: 'conntrack';
  readonly states: readonly ConntrackState[];
  readonly not?: true;
}

export const conntrackRow: MatchRow<ConntrackMatch> = {
  iptables: m => ['-m', 'conntrack', ...bang(m), '--ctstate', m.states.join(',')],
  nft: m => `ct state ${unequal(m)}{ ${m.states.map(state => state.toLowerCase()).join(', ')} }`,
  evaluate: (m, packet) => unless(m, m.states.includes(packet.ctState)),
};
