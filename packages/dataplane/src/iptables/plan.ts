import type { Family } from '@muslin/net';
import type { HookName, TableName } from '../ir/ruleset.ts';
import type { RenderedChain, RenderedRule, RenderedTable } from './render.ts';
import type { SavedTable } from './saved.ts';

/** What must change in one chain of somebody else: jumps of ours to delete, then one to put first. */
export interface HookChange {
  readonly chain: string;
  readonly remove: readonly string[];
  readonly insert: RenderedRule | undefined;
}

/** The least that turns a table into what is desired. Applied in one commit. */
export interface TablePlan {
  readonly family: Family;
  readonly table: TableName;
  /** Chains to create or to write anew, whole. */
  readonly rewrite: readonly RenderedChain[];
  readonly hooks: readonly HookChange[];
  /** Our chains that nothing refers to any more. */
  readonly remove: readonly string[];
}

/** Compares what is desired with what was read (or is known to be there). Foreign rules are never touched. */
export function planTable(desired: RenderedTable, saved: SavedTable): TablePlan {
  const rewrite = [...desired.chains.values()].filter(chain => saved.chains.get(chain.name) !== chain.hash);
  const remove = [...saved.chains.keys()].filter(name => !desired.chains.has(name));
  const hooks: HookChange[] = [];
  for (const chain of new Set<string>([...desired.hooks.keys(), ...saved.foreign.keys()])) {
    const wanted = desired.hooks.get(chain as HookName);
    const jumps = saved.foreign.get(chain)?.jumps ?? [];
    const [only, ...more] = jumps;
    const right =
      wanted === undefined
        ? only === undefined
        : only?.hash === wanted.hash && only.position === 0 && more.length === 0;
    if (!right) hooks.push({ chain, remove: jumps.map(jump => jump.text), insert: wanted });
  }
  return { family: desired.family, table: desired.table, rewrite, hooks, remove };
}

/** Whether there is nothing to do. */
export function isEmptyTablePlan(plan: TablePlan): boolean {
  return plan.rewrite.length === 0 && plan.hooks.length === 0 && plan.remove.length === 0;
}

/** What the table holds once the plan is applied; spares a read-back. */
export function afterTablePlan(plan: TablePlan, saved: SavedTable): SavedTable {
  const chains = new Map(saved.chains);
  for (const chain of plan.rewrite) chains.set(chain.name, chain.hash);
  for (const name of plan.remove) chains.delete(name);
  const foreign = new Map(saved.foreign);
  for (const { chain, insert } of plan.hooks) {
    const before = foreign.get(chain);
    const others = (before?.rules ?? 0) - (before?.jumps.length ?? 0);
    foreign.set(chain, {
      rules: others + (insert === undefined ? 0 : 1),
      jumps: insert === undefined ? [] : [{ position: 0, hash: insert.hash, text: insert.text }],
    });
  }
  return { table: saved.table, chains, foreign };
}
