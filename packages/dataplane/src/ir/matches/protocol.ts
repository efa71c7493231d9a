import { bang, type MatchRow, unequal, unless } from '../match-row.ts';

/** The IANA protocol number. */
export interface ProtocolMatch {
  readonly kind: 'protocol';
  readonly protocol: number;
  readonly not?: true;
}

export const protocolRow: MatchRow<ProtocolMatch> = {
  iptables: m => [...bang(m), '-p', `${m.protocol}`],
  nft: m => `meta l4proto ${unequal(m)}${m.protocol}`,
  evaluate: (m, packet) => unless(m, packet.protocol === m.protocol),
};
