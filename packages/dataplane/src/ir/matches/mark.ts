import { bang, type MatchRow, unless } from '../match-row.ts';

/** The packet's mark, masked, has this value. */
export interface MarkMatch {
  readonly kind: 'mark';
  /** Unsigned 32 bits, within `mask`. */
  readonly value: number;
  readonly mask: number;
  readonly not?: true;
}

/** `0x30000000`. */
export function hex32(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

export const markRow: MatchRow<MarkMatch> = {
  iptables: m => ['-m', 'mark', ...bang(m), '--mark', `${hex32(m.value)}/${hex32(m.mask)}`],
  nft: m => `meta mark & ${hex32(m.mask)} ${m.not ? '!=' : '=='} ${hex32(m.value)}`,
  evaluate: (m, packet) => unless(m, (packet.mark & m.mask) >>> 0 === m.value >>> 0),
};
