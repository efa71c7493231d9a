import type { ObjectRef, PolicyKey, Snapshot } from '@muslin/api';
import { applyChange } from './applied-change.ts';
import type { Explanation } from './flow.ts';

/** A policy that a staged one of its name would take away (`stagedAction: Delete`). */
export interface StagedDeletion {
  readonly staged: ObjectRef;
  readonly policy: ObjectRef;
  readonly key: PolicyKey;
  /** The snapshot without it. */
  readonly after: Snapshot;
}

/** All that are staged and would take away something. */
export function stagedDeletions(snapshot: Snapshot): readonly StagedDeletion[] {
  return [...snapshot.policies.values()].flatMap(({ source: staged, removes: key }) => {
    const policy = key === undefined ? undefined : snapshot.policies.get(key)?.source;
    if (key === undefined || policy === undefined) return [];
    return [{ staged, policy, key, after: applyChange(snapshot, { type: 'policy', key, value: undefined }) }];
  });
}

/** Whether the policy was asked about the flow: else its absence changes nothing. */
export function wasAsked({ paths }: Explanation, key: PolicyKey): boolean {
  return paths
    .flatMap(path => [path.egress, ...path.crossings, path.ingress])
    .flatMap(decision => decision.tiers)
    .some(tier => tier.policies.some(({ policy }) => policy === key));
}
