import type { ActivePolicy, PolicyKey, SetId } from '@muslin/api';
import type { ResolvedPolicy } from '../resolved-policy.ts';
import type { SetMeaning } from '../set-meaning.ts';
import type { MemberSets } from './member-sets.ts';

/** The policies that some local endpoint needs, each holding the sets that it refers to. */
export class ActivePolicies {
  readonly #sets: MemberSets;
  readonly #resolved = new Map<PolicyKey, ResolvedPolicy>();

  constructor(sets: MemberSets) {
    this.#sets = sets;
  }

  /** The rules of an active policy. */
  get(key: PolicyKey): ActivePolicy | undefined {
    return this.#resolved.get(key)?.active;
  }

  /** Makes the policy active with these rules, or idle. */
  put(key: PolicyKey, resolved: ResolvedPolicy | undefined): void {
    const before = this.#resolved.get(key)?.sets ?? NO_SETS;
    const after = resolved?.sets ?? NO_SETS;
    for (const [id, meaning] of after) if (!before.has(id)) this.#sets.acquire(id, meaning);
    for (const id of before.keys()) if (!after.has(id)) this.#sets.release(id);
    if (resolved === undefined) this.#resolved.delete(key);
    else this.#resolved.set(key, resolved);
  }
}

const NO_SETS: ReadonlyMap<SetId, SetMeaning> = new Map();
