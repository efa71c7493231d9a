import type { Endpoint, EndpointKey, EndpointPlan, Labels, Policy, PolicyKey, Tier } from '@muslin/api';
import { matchesSelector } from '@muslin/api';
import { endpointPlan, isLocal } from '../endpoint-plan.ts';
import type { BearerChange } from './bearers.ts';
import { SelectorIndex } from './selector-index.ts';

interface Local {
  readonly endpoint: Endpoint;
  readonly labels: Labels;
  readonly selecting: Set<PolicyKey>;
}

/** The endpoints of this node, and which policies select which of them. */
export class LocalEndpoints {
  readonly #node: string;
  readonly #locals = new Map<EndpointKey, Local>();
  readonly #policies: ReadonlyMap<PolicyKey, Policy>;
  readonly #selectors = new SelectorIndex<PolicyKey>();
  readonly #users = new Map<PolicyKey, number>();
  /** Endpoints whose plan may have changed, and policies that may have become active or idle. */
  readonly dirtyPlans = new Set<EndpointKey>();
  readonly dirtyUse = new Set<PolicyKey>();

  constructor(node: string, policies: ReadonlyMap<PolicyKey, Policy>) {
    this.#node = node;
    this.#policies = policies;
  }

  /** Whether the policy selects any endpoint of this node. */
  isActive(policy: PolicyKey): boolean {
    return this.#users.has(policy);
  }

  /** Takes up changed policies. Call it before `review`, so that each pair is asked once. */
  policiesChanged(keys: ReadonlySet<PolicyKey>, reviewed: ReadonlySet<EndpointKey>): void {
    for (const key of keys) {
      const policy = this.#policies.get(key);
      const isolates = policy !== undefined && policy.directions.size > 0;
      if (isolates) this.#selectors.set(key, policy.selector);
      else this.#selectors.delete(key);
      for (const [endpoint, local] of this.#locals) {
        if (reviewed.has(endpoint)) continue;
        this.#select(endpoint, local, key, isolates && matchesSelector(policy.selector, local.labels));
        // Its order, tier or directions may have changed.
        if (local.selecting.has(key)) this.dirtyPlans.add(endpoint);
      }
    }
  }

  /** An endpoint came, changed or went. */
  review({ before, after }: BearerChange): void {
    const was = before?.kind === 'endpoint' ? before.facts.key : undefined;
    const local = after?.kind === 'endpoint' && isLocal(after.facts, this.#node) ? after : undefined;
    const key = local?.facts.key ?? was;
    if (key === undefined) return;
    const known = this.#locals.get(key);
    if (known === undefined && local === undefined) return;
    const selecting = known?.selecting ?? new Set<PolicyKey>();
    const wanted = local === undefined ? new Set<PolicyKey>() : this.#selectors.matching(local.labels);
    if (local === undefined) this.#locals.delete(key);
    else this.#locals.set(key, { endpoint: local.facts, labels: local.labels, selecting });
    for (const policy of [...selecting]) if (!wanted.has(policy)) this.#unselect(selecting, policy);
    for (const policy of wanted) if (!selecting.has(policy)) this.#use(selecting, policy);
    this.dirtyPlans.add(key);
  }

  /** Tiers changed: any plan may. */
  tiersChanged(): void {
    for (const key of this.#locals.keys()) this.dirtyPlans.add(key);
  }

  /** The plan of a local endpoint; undefined when it is none. */
  plan(key: EndpointKey, tiers: ReadonlyMap<string, Tier>): EndpointPlan | undefined {
    const local = this.#locals.get(key);
    if (local === undefined) return undefined;
    const policies = [...local.selecting].map(policy => this.#policies.get(policy) as Policy);
    return endpointPlan(local.endpoint, policies, tiers);
  }

  #select(endpoint: EndpointKey, { selecting }: Local, policy: PolicyKey, selected: boolean): void {
    if (selecting.has(policy) === selected) return;
    if (selected) this.#use(selecting, policy);
    else this.#unselect(selecting, policy);
    this.dirtyPlans.add(endpoint);
  }

  #use(selecting: Set<PolicyKey>, policy: PolicyKey): void {
    selecting.add(policy);
    const users = this.#users.get(policy) ?? 0;
    this.#users.set(policy, users + 1);
    if (users === 0) this.dirtyUse.add(policy);
  }

  #unselect(selecting: Set<PolicyKey>, policy: PolicyKey): void {
    selecting.delete(policy);
    const users = (this.#users.get(policy) ?? 0) - 1;
    if (users > 0) this.#users.set(policy, users);
    else {
      this.#users.delete(policy);
      this.dirtyUse.add(policy);
    }
  }
}
