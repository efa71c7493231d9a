import { bang, type MatchRow, unless } from '../match-row.ts';

/**
 * The destination of the connection was translated on this node. Rules that must hold for untracked packets too can't use
 * its opposite: in nftables neither holds for a packet without a connection.
 */
export interface TranslatedMatch {
  readonly kind: 'translated';
  readonly not?: true;
}

export const translatedRow: MatchRow<TranslatedMatch> = {
  iptables: m => ['-m', 'conntrack', ...bang(m), '--ctstate', 'DNAT'],
  nft: m => `ct status & dnat ${m.not ? '==' : '!='} 0`,
  evaluate: (m, packet) => unless(m, packet.translated ?? false),
};
