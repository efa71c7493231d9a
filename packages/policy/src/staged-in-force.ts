import type { Policy, Snapshot } from '@muslin/api';

/**
 * The snapshot as it would be if everything that is staged were done: staged policies stand in the place of the enforced ones
 * of their name, and what they would delete is gone. The same snapshot when nothing is staged.
 */
export function withStagedInForce(snapshot: Snapshot): Snapshot {
  const staged = [...snapshot.policies.values()].filter(policy => policy.staged);
  if (staged.length === 0) return snapshot;
  const policies = new Map<string, Policy>(snapshot.policies);
  for (const policy of staged) {
    const { removes, ...rest } = policy;
    policies.delete(policy.key);
    // A staged kind's short name is the enforced one's with an s before it.
    const key = removes ?? policy.key.slice(1);
    if (removes === undefined) policies.set(key, { ...rest, key, staged: false });
    else policies.delete(key);
  }
  return { ...snapshot, policies };
}
