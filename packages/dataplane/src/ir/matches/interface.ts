import { bang, type MatchRow, unequal, unless, word } from '../match-row.ts';

/** The interface a packet came in by or leaves by: one name, or all that begin with `name`. */
export interface InterfaceMatch {
  readonly kind: 'in-interface' | 'out-interface';
  readonly name: string;
  readonly wildcard?: true;
  readonly not?: true;
}

/** An absent interface (`out` in INPUT) has the empty name, as in the kernel. */
export const interfaceRow: MatchRow<InterfaceMatch> = {
  iptables: m => [
    ...bang(m),
    m.kind === 'in-interface' ? '-i' : '-o',
    word(m.name) + (m.wildcard ? '+' : ''),
  ],
  nft: m =>
    `${m.kind === 'in-interface' ? 'iifname' : 'oifname'} ${unequal(m)}"${word(m.name)}${m.wildcard ? '*' : ''}"`,
  evaluate: (m, packet) => {
    const name = (m.kind === 'in-interface' ? packet.in : packet.out) ?? '';
    return unless(m, m.wildcard ? name.startsWith(m.name) : name === m.name);
  },
};
