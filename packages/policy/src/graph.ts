import type {
  ActivePolicy,
  EndpointKey,
  EndpointPlan,
  FactChange,
  FelixFacts,
  HostState,
  Labels,
  NodeDelta,
  NodeState,
  Policy,
  PolicyKey,
  ServiceFacts,
  SetId,
  Tier,
} from '@muslin/api';
import { ActivePolicies } from './graph/active-policies.ts';
import { type BearerChange, Bearers } from './graph/bearers.ts';
import { LocalEndpoints } from './graph/local-endpoints.ts';
import { MemberSets } from './graph/member-sets.ts';
import { failsafeOf } from './host-plan.ts';
import { resolvePolicy } from './resolved-policy.ts';

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
  readonly #policies = new Map<PolicyKey, Policy>();
  readonly #felix = new Map<string, FelixFacts>();
  /** Of the node itself: FelixConfigurations may select it. */
  #labels: Labels | undefined;
  readonly #tiers = new Map<string, Tier>();
  readonly #services = new Map<string, ServiceFacts>();
  readonly #bearers = new Bearers();
  readonly #locals: LocalEndpoints;
  readonly #sets: MemberSets;
  readonly #active: ActivePolicies;
  readonly #dirtyPolicies = new Set<PolicyKey>();
  readonly #dirtyServices = new Set<string>();
  #dirtyTiers = false;
  readonly #toldEndpoints = new Map<EndpointKey, EndpointPlan>();
  readonly #toldPolicies = new Map<PolicyKey, ActivePolicy>();
  #toldHosts: HostState | undefined;

  constructor(node: string) {
    this.#node = node;
    this.#locals = new LocalEndpoints(node, this.#policies);
    this.#sets = new MemberSets(this.#bearers.index, this.#services);
    this.#active = new ActivePolicies(this.#sets);
  }

  /** The state as of the last `flush`: a live view, so copy what must outlive the next one. */
  get state(): NodeState {
    const hosts = this.#toldHosts;
    return {
      endpoints: this.#toldEndpoints,
      policies: this.#toldPolicies,
      sets: this.#sets.state,
      ...(hosts !== undefined && { hosts }),
    };
  }

  /** Notes that one fact of the cluster is now so. Cheap; `flush` does the work. */
  update(change: FactChange): void {
    switch (change.type) {
      case 'endpoint':
        this.#bearers.endpoint(change);
        break;
      case 'networkSet':
        this.#bearers.networkSet(change);
        break;
      case 'namespace':
        this.#bearers.namespace(change);
        break;
      case 'serviceAccount':
        this.#bearers.serviceAccount(change);
        break;
      case 'policy':
        this.#dirtyPolicies.add(change.key);
        put(this.#policies, change.key, change.value);
        break;
      case 'service':
        this.#dirtyServices.add(change.key);
        put(this.#services, change.key, change.value);
        break;
      case 'tier':
        this.#dirtyTiers = true;
        put(this.#tiers, change.key, change.value);
        break;
      case 'hostEndpoint':
        this.#bearers.hostEndpoint(change);
        break;
      case 'felix':
        put(this.#felix, change.key, change.value);
        break;
      case 'node':
        if (change.key === this.#node) this.#labels = change.value?.labels;
        break;
      case 'pool':
        break; // Policies do not look at them.
    }
  }

  /**
   * Takes members of a set that facts elsewhere bring in, when this graph is given only the facts of its own node:
   * `members` replaces them (undefined: none are told any more), `add` and `remove` change them. A member of both is one.
   */
  tellElsewhere(id: SetId, change: ElsewhereChange): void {
    if ('members' in change) this.#sets.tellElsewhere(id, change.members);
    else this.#sets.changeElsewhere(id, change.add, change.remove);
  }

  /** Sets of which members were told from elsewhere: a live view. */
  get elsewhere(): ReadonlyMap<SetId, ReadonlySet<string>> {
    return this.#sets.elsewhere;
  }

  /** What changed since the last `flush`; applying it to that state gives the new one. */
  flush(): NodeDelta {
    const changes: BearerChange[] = [];
    this.#bearers.drain(change => changes.push(change));
    const reviewed = new Set(changes.flatMap(({ before, after }) => endpointKeys(before, after)));
    this.#locals.policiesChanged(this.#dirtyPolicies, reviewed);
    for (const change of changes) {
      this.#sets.review(change.before, change.after, change.keys);
      this.#locals.review(change);
    }
    for (const service of this.#dirtyServices) this.#sets.reviewService(service);
    if (this.#dirtyTiers) this.#locals.tiersChanged();
    const hosts = this.#flushHosts();
    const delta = {
      policies: this.#flushPolicies(),
      endpoints: this.#flushEndpoints(),
      sets: this.#sets.flush(),
      ...(hosts !== undefined && { hosts }),
    };
    this.#dirtyPolicies.clear();
    this.#dirtyServices.clear();
    this.#dirtyTiers = false;
    return delta;
  }

  #flushPolicies(): NodeDelta['policies'] {
    const upserts = new Map<PolicyKey, ActivePolicy>();
    const removals = new Set<PolicyKey>();
    for (const key of this.#dirtyPolicies.union(this.#locals.dirtyUse)) {
      const policy = this.#locals.isActive(key) ? this.#policies.get(key) : undefined;
      this.#active.put(key, policy === undefined ? undefined : resolvePolicy(policy));
      tell(this.#toldPolicies, key, this.#active.get(key), upserts, removals);
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

function put<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
