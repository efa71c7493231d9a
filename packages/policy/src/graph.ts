import type {
  ActiveDeletion,
  ActivePolicy,
  EndpointKey,
  EndpointPlan,
  FactChange,
  FelixFacts,
  HostState,
  Labels,
  NodeDelta,
  NodeState,
  PolicyKey,
  SetId,
  Tier,
} from '@muslin/api';
import type { BearerChange } from './graph/bearers.ts';
import { KnownFacts, put } from './graph/known-facts.ts';
import { LocalEndpoints } from './graph/local-endpoints.ts';
import { failsafeOf } from './host-plan.ts';
import { resolvePolicy } from './resolved-policy.ts';
import { activeDeletions } from './staged-deletions.ts';

/** What is told about the members of a set that this graph can't see itself. */
export type ElsewhereChange =
  | { readonly members: ReadonlySet<string> | undefined }
  | { readonly add: Iterable<string>; readonly remove: Iterable<string> };

/**
 * One node's `nodeState`, kept up to date: `update` takes notes, `flush` works out what they come to.
 *
 * ```
 * namespaces, accounts ─► bearers ─► local endpoints ─► active policies ─► member sets
 *                            └───────────────────────────────────────────────┘
 * ```
 *
 * State depends on the current facts alone: repeats, reversals, spurious deletes and dangling references are fine.
 */
export class Graph {
  readonly #node: string;
  readonly #facts = new KnownFacts();
  readonly #felix = new Map<string, FelixFacts>();
  /** Of the node itself: FelixConfigurations may select it. */
  #labels: Labels | undefined;
  readonly #tiers = new Map<string, Tier>();
  readonly #locals: LocalEndpoints;
  #dirtyTiers = false;
  readonly #toldEndpoints = new Map<EndpointKey, EndpointPlan>();
  readonly #toldPolicies = new Map<PolicyKey, ActivePolicy>();
  #toldHosts: HostState | undefined;
  #toldDeletions: ReadonlyMap<PolicyKey, ActiveDeletion> | undefined;

  constructor(node: string) {
    this.#node = node;
    this.#locals = new LocalEndpoints(node, this.#facts.policies);
  }

  /** The state as of the last `flush`: a live view, so copy what must outlive the next one. */
  get state(): NodeState {
    const [hosts, deletions] = [this.#toldHosts, this.#toldDeletions];
    return {
      endpoints: this.#toldEndpoints,
      policies: this.#toldPolicies,
      sets: this.#facts.sets.state,
      ...(hosts !== undefined && { hosts }),
      ...(deletions !== undefined && { deletions }),
    };
  }

  /** Notes that one fact of the cluster is now so. Cheap; `flush` does the work. */
  update(change: FactChange): void {
    this.#facts.take(change);
    switch (change.type) {
      case 'tier':
        this.#dirtyTiers = true;
        put(this.#tiers, change.key, change.value);
        break;
      case 'felix':
        put(this.#felix, change.key, change.value);
        break;
      case 'node':
        if (change.key === this.#node) this.#labels = change.value?.labels;
        break;
      default: // The others are among the facts, or, as pools, no policy's business.
        break;
    }
  }

  /**
   * Takes members of a set that facts elsewhere bring in, when this graph is given only the facts of its own node:
   * `members` replaces them (undefined: none are told any more), `add` and `remove` change them. A member of both is one.
   */
  tellElsewhere(id: SetId, change: ElsewhereChange): void {
    if ('members' in change) this.#facts.sets.tellElsewhere(id, change.members);
    else this.#facts.sets.changeElsewhere(id, change.add, change.remove);
  }

  /** Sets of which members were told from elsewhere: a live view. */
  get elsewhere(): ReadonlyMap<SetId, ReadonlySet<string>> {
    return this.#facts.sets.elsewhere;
  }

  /** What changed since the last `flush`; applying it to that state gives the new one. */
  flush(): NodeDelta {
    const changes = this.#facts.drain();
    const reviewed = new Set(changes.flatMap(({ before, after }) => endpointKeys(before, after)));
    this.#locals.policiesChanged(this.#facts.dirtyPolicies, reviewed);
    for (const change of changes) {
      this.#facts.sets.review(change.before, change.after, change.keys);
      this.#locals.review(change);
    }
    this.#facts.reviewOthers();
    if (this.#dirtyTiers) this.#locals.tiersChanged();
    const hosts = this.#flushHosts();
    const policies = this.#flushPolicies();
    const deletions = this.#flushDeletions();
    const delta = {
      policies,
      endpoints: this.#flushEndpoints(),
      sets: this.#facts.sets.flush(),
      ...(hosts !== undefined && { hosts }),
      ...(deletions !== undefined && { deletions }),
    };
    this.#facts.dirtyPolicies.clear();
    this.#dirtyTiers = false;
    return delta;
  }

  #flushPolicies(): NodeDelta['policies'] {
    const upserts = new Map<PolicyKey, ActivePolicy>();
    const removals = new Set<PolicyKey>();
    for (const key of this.#facts.dirtyPolicies.union(this.#locals.dirtyUse)) {
      const policy = this.#locals.isActive(key) ? this.#facts.policies.get(key) : undefined;
      this.#facts.active.put(key, policy === undefined ? undefined : resolvePolicy(policy));
      tell(this.#toldPolicies, key, this.#facts.active.get(key), upserts, removals);
    }
    this.#locals.dirtyUse.clear();
    return { upserts, removals };
  }

  /** Few on any node, so they are told as a whole. */
  #flushHosts(): NodeDelta['hosts'] {
    const plans = this.#locals.hostPlans(this.#tiers);
    const failsafe = failsafeOf(this.#felix, this.#node, this.#labels);
    const hosts: HostState | undefined = plans.size === 0 ? undefined : { plans, failsafe };
    if (textOf(hosts) === textOf(this.#toldHosts)) return undefined;
    this.#toldHosts = hosts;
    return hosts ?? null;
  }

  /** Few in any cluster, so they are told as a whole. */
  #flushDeletions(): NodeDelta['deletions'] {
    const deletions = activeDeletions(this.#facts.deletions.values(), this.#toldPolicies);
    if (JSON.stringify([...(deletions ?? [])]) === JSON.stringify([...(this.#toldDeletions ?? [])]))
      return undefined;
    this.#toldDeletions = deletions;
    return deletions ?? null;
  }

  #flushEndpoints(): NodeDelta['endpoints'] {
    const upserts = new Map<EndpointKey, EndpointPlan>();
    const removals = new Set<EndpointKey>();
    for (const key of this.#locals.dirtyPlans)
      tell(this.#toldEndpoints, key, this.#locals.plan(key, this.#tiers), upserts, removals);
    this.#locals.dirtyPlans.clear();
    return { upserts, removals };
  }
}

const textOf = (hosts: HostState | undefined) =>
  hosts === undefined ? undefined : JSON.stringify([[...hosts.plans], hosts.failsafe]);

function endpointKeys(...bearers: readonly BearerChange['before'][]): EndpointKey[] {
  return bearers.flatMap(bearer =>
    bearer === undefined || bearer.kind === 'networkSet' ? [] : [bearer.facts.key],
  );
}

/** Records what is now told under the key, and notes the difference when there is one. */
function tell<K, V>(
  told: Map<K, V>,
  key: K,
  value: V | undefined,
  upserts: Map<K, V>,
  removals: Set<K>,
): void {
  if (value === undefined) {
    if (told.delete(key)) removals.add(key);
    return;
  }
  // Both are made by the same code in the same order, so equal values have equal texts.
  if (JSON.stringify(told.get(key)) === JSON.stringify(value)) return;
  told.set(key, value);
  upserts.set(key, value);
}
