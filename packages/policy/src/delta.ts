import type { MemberSet, NodeDelta, NodeState, SetId } from '@muslin/api';

/** The state that a node without anything is in. */
export const EMPTY_NODE_STATE: NodeState = { endpoints: new Map(), policies: new Map(), sets: new Map() };

/** The state after the change; `state` itself stays as it is. Maps in which nothing changed are the same objects. */
export function applyDelta(state: NodeState, delta: NodeDelta): NodeState {
  const hosts = delta.hosts === undefined ? state.hosts : delta.hosts;
  const deletions = delta.deletions === undefined ? state.deletions : delta.deletions;
  return {
    endpoints: patched(state.endpoints, delta.endpoints.upserts, delta.endpoints.removals),
    policies: patched(state.policies, delta.policies.upserts, delta.policies.removals),
    sets: patched(state.sets, setUpserts(state, delta), delta.sets.removed),
    ...(hosts != null && { hosts }),
    ...(deletions != null && { deletions }),
  };
}

/** Whether the delta changes nothing. */
export function isEmptyDelta({ hosts, deletions, endpoints, policies, sets }: NodeDelta): boolean {
  const parts: readonly { readonly size: number }[] = [
    endpoints.upserts,
    endpoints.removals,
    policies.upserts,
    policies.removals,
    sets.added,
    sets.changed,
    sets.removed,
  ];
  return hosts === undefined && deletions === undefined && parts.every(part => part.size === 0);
}

function patched<K, V>(
  old: ReadonlyMap<K, V>,
  upserts: ReadonlyMap<K, V>,
  removals: ReadonlySet<K>,
): ReadonlyMap<K, V> {
  if (upserts.size === 0 && removals.size === 0) return old;
  const result = new Map(old);
  for (const key of removals) result.delete(key);
  for (const [key, value] of upserts) result.set(key, value);
  return result;
}

function setUpserts(state: NodeState, { sets }: NodeDelta): ReadonlyMap<SetId, MemberSet> {
  const upserts = new Map(sets.added);
  for (const [id, { add, remove }] of sets.changed) {
    const old = state.sets.get(id);
    // A change of a set that is not there would mean that a delta got lost on the way.
    if (old === undefined) throw new Error(`set ${id} is changed before it is added`);
    const members = new Set(old.members);
    for (const member of remove) members.delete(member);
    for (const member of add) members.add(member);
    upserts.set(id, { kind: old.kind, members });
  }
  return upserts;
}
