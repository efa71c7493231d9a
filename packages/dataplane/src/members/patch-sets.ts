import type { MemberSet, NodeDelta, SetId } from '@muslin/api';
import { Members } from './members.ts';

/**
 * The sets of a `NodeState` after a change, for callers who keep the state: costs what changed, not what the sets
 * hold, and lets everything behind it (`compile`, `desiredSets`, `planSets`, `planNft`) do the same.
 */
export function patchSets(
  sets: ReadonlyMap<SetId, MemberSet>,
  delta: NodeDelta['sets'],
): ReadonlyMap<SetId, MemberSet> {
  const out = new Map(sets);
  for (const id of delta.removed) out.delete(id);
  for (const [id, { kind, members }] of delta.added) out.set(id, { kind, members: Members.of(members) });
  for (const [id, { add, remove }] of delta.changed) {
    const old = sets.get(id);
    // A change of a set that is not there would mean that a delta got lost on the way.
    if (old === undefined) throw new Error(`set ${id} is changed before it is added`);
    const from = old.members instanceof Members ? old.members : Members.of(old.members);
    out.set(id, { kind: old.kind, members: from.patch({ add: [...add], remove: [...remove] }) });
  }
  return out;
}
