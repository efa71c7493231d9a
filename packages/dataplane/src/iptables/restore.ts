import type { TablePlan } from './plan.ts';
import { isEmptyTablePlan } from './plan.ts';

/**
 * The plan as input of `iptables-restore --noflush`: one table, one commit, all or nothing. Naming a chain
 * (`:name - [0:0]`) creates or empties it; stale chains are emptied first, since they may refer to each other.
 * An empty plan is an empty text.
 */
export function restoreInput(plan: TablePlan): string {
  if (isEmptyTablePlan(plan)) return '';
  const lines = [`*${plan.table}`];
  for (const chain of plan.rewrite) lines.push(`:${chain.name} - [0:0]`);
  for (const name of plan.remove) lines.push(`:${name} - [0:0]`);
  for (const hook of plan.hooks) {
    for (const rule of hook.remove) lines.push(`-D ${hook.chain} ${rule}`);
    if (hook.insert !== undefined) lines.push(`-I ${hook.chain} 1 ${hook.insert.text}`);
  }
  for (const chain of plan.rewrite)
    for (const rule of chain.rules) lines.push(`-A ${chain.name} ${rule.text}`);
  for (const name of plan.remove) lines.push(`-X ${name}`);
  lines.push('COMMIT', '');
  return lines.join('\n');
}
