import type { MemberSet, SetId } from '@muslin/api';
import { familyOf, formatPrefix } from '@muslin/net';
import type { Chain, TableRules } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';

/** Sets of our own; the colon keeps them apart from a `NodeState`'s ids. */
export const MASQUERADE_POOLS: SetId = 'muslin:masquerade-pools';
export const ALL_POOLS: SetId = 'muslin:all-pools';

/** Pods of natOutgoing pools leave for outside all pools with the node's address (IPPool `natOutgoing`). */
export function natRules(config: NodeConfig): TableRules {
  const chain: Chain = {
    name: 'msl-POSTROUTING',
    rules: [
      {
        matches: [
          { kind: 'set', set: MASQUERADE_POOLS, key: 'src' },
          { kind: 'set', set: ALL_POOLS, key: 'dst', not: true },
        ],
        action: { kind: 'masquerade' },
        comment: 'natOutgoing',
      },
    ],
  };
  const wanted = config.pools.some(pool => familyOf(pool.cidr) === config.family && pool.natOutgoing);
  return wanted
    ? { hooks: new Map([['POSTROUTING', chain.name]]), chains: new Map([[chain.name, chain]]) }
    : { hooks: new Map(), chains: new Map() };
}

/** The sets that `natRules` looks into. */
export function poolSets(config: NodeConfig): ReadonlyMap<SetId, MemberSet> {
  const members = (keep: (pool: NodeConfig['pools'][number]) => boolean): MemberSet => ({
    kind: 'net',
    members: new Set(config.pools.filter(keep).map(pool => formatPrefix(pool.cidr))),
  });
  return new Map([
    [MASQUERADE_POOLS, members(pool => pool.natOutgoing)],
    [ALL_POOLS, members(() => true)],
  ]);
}
