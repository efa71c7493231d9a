import type { Family } from '@muslin/net';
import type { Packet } from './packet.ts';
import type { SetLookup } from './set-lookup.ts';

/** What every kind of match can do. One row per kind; see `match.ts`. */
export interface MatchRow<M> {
  /** Words of an iptables rule. Only words that `word` lets through. */
  iptables(match: M, family: Family): readonly string[];
  /** An nftables expression. */
  nft(match: M, family: Family): string;
  evaluate(match: M, packet: Packet, sets: SetLookup): boolean;
}

/** Checks that a name cannot end its word in a restore line; a name that could is a bug of the caller. */
export function word(text: string): string {
  if (!/^[A-Za-z0-9_.:/+@%=,-]{1,255}$/.test(text))
    throw new Error(`unsafe in a rule: ${JSON.stringify(text)}`);
  return text;
}

/** iptables negates by a word before the option. */
export function bang(match: { readonly not?: true }): readonly string[] {
  return match.not ? ['!'] : [];
}

/** nftables negates by the operator. */
export function unequal(match: { readonly not?: true }): string {
  return match.not ? '!= ' : '';
}

/** nftables compares with one value faster than it looks into an anonymous set. */
export function oneOf(values: readonly string[]): string {
  const [only, ...more] = values;
  return only !== undefined && more.length === 0 ? only : `{ ${values.join(', ')} }`;
}

/** `actual` or, for a negated match, its opposite. */
export function unless(match: { readonly not?: true }, actual: boolean): boolean {
  return match.not ? !actual : actual;
}
