import type { Plan, TableName } from '@muslin/dataplane';
import type { Family } from '@muslin/net';
import type { BackEnd } from './back-end.ts';

/** Counters that go: of a chain's rules, or of members of a set (absent: of all). */
export type Loss =
  | { readonly family: Family; readonly table: TableName; readonly chain: string }
  | { readonly family: Family; readonly set: string; readonly members?: readonly string[] };

/** What a plan takes away of one back end: chains that it writes anew or removes, members and sets that go. */
export function losses(plan: Plan, backEnd: BackEnd): readonly Loss[] {
  const lost: Loss[] = [];
  for (const op of plan) {
    if (op.kind === 'nft' && backEnd === 'nftables') {
      const { family, rewrite, removeChains, elements, recreateSets, removeSets } = op.plan;
      const table = 'filter';
      for (const { name } of rewrite) lost.push({ family, table, chain: name });
      for (const chain of removeChains) lost.push({ family, table, chain });
      for (const { name, remove } of elements)
        if (remove.length > 0) lost.push({ family, set: name, members: remove });
      for (const set of [...recreateSets.map(({ name }) => name), ...removeSets]) lost.push({ family, set });
    } else if (op.kind === 'iptables' && backEnd !== 'nftables') {
      const { family, table } = op;
      for (const { name } of op.plan.rewrite) lost.push({ family, table, chain: name });
      for (const chain of op.plan.remove) lost.push({ family, table, chain });
    } else if (op.kind === 'ipset' && op.phase === 'after-rules') {
      const { change, replace, destroy } = op.plan;
      for (const { set, remove } of change)
        if (remove.length > 0) lost.push({ family: set.family, set: set.name, members: remove });
      for (const { name, family } of replace) lost.push({ family, set: name });
      for (const name of destroy) lost.push({ family: name.startsWith('msl6') ? 6 : 4, set: name });
    }
  }
  return lost;
}
