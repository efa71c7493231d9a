import {
  desiredSets,
  type Ipset,
  IPTABLES_LIMITS,
  type IptablesVariant,
  lower,
  NFT_LIMITS,
  type NftTable,
  nftTable,
  type RenderedTable,
  type Ruleset,
  renderTable,
} from '@muslin/dataplane';
import type { Desired } from '../core/agent-core.ts';

/** Where this node's rules live. One enforces; a switch writes the next one before it takes the last one away. */
export type BackEnd = 'nftables' | 'iptables-nft' | 'iptables-legacy';

/** Which iptables a back end is; undefined for nftables. */
export function variantOf(backEnd: BackEnd): IptablesVariant | undefined {
  return backEnd === 'nftables' ? undefined : backEnd === 'iptables-nft' ? 'nft' : 'legacy';
}

/** What a back end should hold: one half or the other is empty. */
export interface Rendered {
  /** What was rendered, one for each family. */
  readonly lowered: readonly Ruleset[];
  readonly tables: readonly RenderedTable[];
  /** ipsets by name, both families. */
  readonly sets: ReadonlyMap<string, Ipset>;
  readonly nft: readonly NftTable[];
}

/** Renders what is desired. Parts that did not change are the same objects as before. */
export function render({ rulesets, state }: Pick<Desired, 'rulesets' | 'state'>, backEnd: BackEnd): Rendered {
  const limits = backEnd === 'nftables' ? NFT_LIMITS : IPTABLES_LIMITS;
  const lowered = rulesets.map(ruleset => lower(ruleset, limits));
  if (backEnd === 'nftables')
    return {
      lowered,
      tables: [],
      sets: new Map(),
      nft: lowered.map(ruleset => nftTable(ruleset, state.sets)),
    };
  return {
    lowered,
    tables: lowered.flatMap(ruleset => [...ruleset.tables.keys()].map(table => renderTable(ruleset, table))),
    sets: desiredSets(state.sets, ...lowered),
    nft: [],
  };
}
