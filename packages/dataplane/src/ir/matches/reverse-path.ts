import { type MatchRow, unless } from '../match-row.ts';

/** The route back to the source leaves by the interface the packet came in by (RFC 3704 §2.2, strict). */
export interface ReversePathMatch {
  readonly kind: 'reverse-path';
  readonly not?: true;
}

/** iptables allows it in the raw and mangle tables' PREROUTING only. */
export const reversePathRow: MatchRow<ReversePathMatch> = {
  iptables: m => ['-m', 'rpfilter', ...(m.not ? ['--invert'] : [])],
  nft: m => `fib saddr . iif oif ${m.not ? 'missing' : 'exists'}`,
  evaluate: (m, packet) => unless(m, packet.reversePath ?? true),
};
