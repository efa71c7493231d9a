import type { EndpointKey, EndpointPlan, HostPlan, Policy, PolicyKey, Tier } from '@muslin/api';
import { endpointPlan, isLocal } from '../endpoint-plan.ts';
import { hostPlan } from '../host-plan.ts';
import type { Bearer } from './bearer.ts';
import type { BearerChange } from './bearers.ts';
import { PolicySelectors, type Subject, selects } from './policy-selectors.ts';

interface Local {
  readonly bearer: Subject;
  readonly selecting: Set<PolicyKey>;
}

/** The pods and host endpoints of this node, and which policies select which of them. */
export class LocalEndpoints {
  readonly #node: string;
  readonly #locals = new Map<EndpointKey, Local>();
  /** Keys of the host endpoints among them. */
  readonly #hosts = new Set<EndpointKey>();
  readonly #policies: ReadonlyMap<PolicyKey, Policy>;
  readonly #selectors: PolicySelectors;
  readonly #users = new Map<PolicyKey, number>();
  /** Endpoints whose plan may have changed, and policies that may have become active or idle. */
  readonly dirtyPlans = new Set<EndpointKey>();
  readonly dirtyUse = new Set<PolicyKey>();

  constructor(node: string, policies: ReadonlyMap<PolicyKey, Policy>) {
    this.#node = node;
    this.#policies = policies;
    this.#selectors = new PolicySelectors(policies);
  }

  /** Whether the policy selects any endpoint of this node. */
  isActive(policy: PolicyKey): boolean {
    return this.#users.has(policy);
  }

  /** Takes up changed policies. Call it before `review`, so that each pair is asked once. */
  policiesChanged(keys: ReadonlySet<PolicyKey>, reviewed: ReadonlySet<EndpointKey>): void {
    for (const key of keys) {
      const policy = this.#selectors.changed(key);
      for (const [endpoint, local] of this.#locals) {
        if (reviewed.has(endpoint)) continue;
        this.#select(endpoint, local, key, policy !== undefined && selects(policy, local.bearer));
        // Its order, tier or directions may have changed.
        if (local.selecting.has(key)) this.dirtyPlans.add(endpoint);
      }
    }
  }

  /** An endpoint came, changed or went. */
  review({ before, after }: BearerChange): void {
    const was = before === undefined || before.kind === 'networkSet' ? undefined : before.facts.key;
    const local = this.#isHere(after) ? after : undefined;
    const key = local?.facts.key ?? was;
    if (key === undefined) return;
    const known = this.#locals.get(key);
    if (known === undefined && local === undefined) return;
    const selecting = known?.selecting ?? new Set<PolicyKey>();
    const wanted = local === undefined ? new Set<PolicyKey>() : this.#selectors.of(local);
    if (local === undefined) this.#locals.delete(key);
    else this.#locals.set(key, { bearer: local, selecting });
    if (isHost(local) || isHost(known?.bearer)) this.#hostsTouched(key, local);
    for (const policy of [...selecting]) if (!wanted.has(policy)) this.#unselect(selecting, policy);
    for (const policy of wanted) if (!selecting.has(policy)) this.#use(selecting, policy);
    this.dirtyPlans.add(key);
  }

  /** Tiers changed: any plan may. */
  tiersChanged(): void {
    for (const key of this.#locals.keys()) this.dirtyPlans.add(key);
  }

  /** The plan of a local pod; undefined when it is none. */
  plan(key: EndpointKey, tiers: ReadonlyMap<string, Tier>): EndpointPlan | undefined {
    const local = this.#locals.get(key);
    if (local?.bearer.kind !== 'endpoint') return undefined;
    return endpointPlan(local.bearer.facts, this.#policiesOf(local), tiers);
  }

  /** The plans of this node's host endpoints, in order of their keys. */
  hostPlans(tiers: ReadonlyMap<string, Tier>): ReadonlyMap<EndpointKey, HostPlan> {
    const plans = new Map<EndpointKey, HostPlan>();
    for (const key of [...this.#hosts].sort()) {
      const local = this.#locals.get(key);
      if (local?.bearer.kind === 'host')
        plans.set(key, hostPlan(local.bearer.facts, this.#policiesOf(local), tiers));
    }
    return plans;
  }

  #policiesOf({ selecting }: Local): readonly Policy[] {
    return [...selecting].map(policy => this.#policies.get(policy) as Policy);
  }

  #isHere(bearer: Bearer | undefined): bearer is Subject {
    if (bearer?.kind === 'host') return bearer.facts.node === this.#node;
    return bearer?.kind === 'endpoint' && isLocal(bearer.facts, this.#node);
  }

  #hostsTouched(key: EndpointKey, local: Subject | undefined): void {
    if (isHost(local)) this.#hosts.add(key);
    else this.#hosts.delete(key);
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

function isHost(bearer: Subject | undefined): boolean {
  return bearer?.kind === 'host';
}
