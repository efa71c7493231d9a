import { matchesSelector, type Policy, type PolicyKey } from '@muslin/api';
import { appliesToPods } from '../endpoint-plan.ts';
import type { Bearer } from './bearer.ts';
import { SelectorIndex } from './selector-index.ts';

/** What policies are enforced on: a pod or a host endpoint. */
export type Subject = Extract<Bearer, { kind: 'endpoint' | 'host' }>;

/** Which policies select whom, by their selectors alone: where it is enforced is for others to say. */
export class PolicySelectors {
  readonly #policies: ReadonlyMap<PolicyKey, Policy>;
  readonly #index = new SelectorIndex<PolicyKey>();

  constructor(policies: ReadonlyMap<PolicyKey, Policy>) {
    this.#policies = policies;
  }

  /** Takes up a policy as it is now. Gives it, unless it is gone or isolates nobody. */
  changed(key: PolicyKey): Policy | undefined {
    const policy = this.#policies.get(key);
    if (policy === undefined || policy.directions.size === 0) {
      this.#index.delete(key);
      return undefined;
    }
    this.#index.set(key, policy.selector);
    return policy;
  }

  /** The policies that select it. */
  of(subject: Subject): Set<PolicyKey> {
    const found = this.#index.matching(subject.labels);
    for (const key of found) if (!isFor(this.#policies.get(key) as Policy, subject)) found.delete(key);
    return found;
  }
}

/** Whether a policy is for such a subject at all. */
export function isFor(policy: Policy, { kind }: Bearer): boolean {
  return kind === 'host' || (kind === 'endpoint' && appliesToPods(policy));
}

/** Whether the policy selects it: the same answer as `PolicySelectors.of`, for one. */
export function selects(policy: Policy, subject: Subject): boolean {
  return isFor(policy, subject) && matchesSelector(policy.selector, subject.labels);
}
