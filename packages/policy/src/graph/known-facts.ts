import type { FactChange, NodeFacts, Policy, PolicyKey, ServiceFacts } from '@muslin/api';
import { ActivePolicies } from './active-policies.ts';
import { type BearerChange, Bearers } from './bearers.ts';
import { MemberSets } from './member-sets.ts';

/** What policies look at, with what changed since `drain` and the sets that follow: the same for one node and for all. */
export class KnownFacts {
  readonly policies = new Map<PolicyKey, Policy>();
  /** Those of the policies that would delete another. */
  readonly deletions = new Map<PolicyKey, Policy>();
  readonly #services = new Map<string, ServiceFacts>();
  readonly #bearers = new Bearers();
  readonly bearers = this.#bearers.index;
  readonly #nodes = new Map<string, NodeFacts>();
  readonly sets = new MemberSets(this.bearers, this.#services, this.#nodes);
  readonly active = new ActivePolicies(this.sets);
  /** Policies that changed. Whoever took them up clears it. */
  readonly dirtyPolicies = new Set<PolicyKey>();
  readonly #dirtyServices = new Set<string>();
  #dirtyNodes = false;

  /** Notes that one fact is now so. Cheap. Tiers, pools and configurations are not among what it keeps. */
  take(change: FactChange): void {
    switch (change.type) {
      case 'endpoint':
        this.#bearers.endpoint(change);
        break;
      case 'hostEndpoint':
        this.#bearers.hostEndpoint(change);
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
        this.dirtyPolicies.add(change.key);
        put(this.policies, change.key, change.value);
        put(this.deletions, change.key, change.value?.removes === undefined ? undefined : change.value);
        break;
      case 'service':
        this.#dirtyServices.add(change.key);
        put(this.#services, change.key, change.value);
        break;
      case 'node':
        this.#dirtyNodes = true;
        put(this.#nodes, change.key, change.value);
        break;
      default:
        break;
    }
  }

  /** What became of those that selectors find since it was asked last. */
  drain(): readonly BearerChange[] {
    const changes: BearerChange[] = [];
    this.#bearers.drain(change => changes.push(change));
    return changes;
  }

  /** Takes changed Services and nodes into the sets; after those that selectors find. */
  reviewOthers(): void {
    for (const service of this.#dirtyServices) this.sets.reviewService(service);
    this.#dirtyServices.clear();
    if (this.#dirtyNodes) this.sets.reviewNodes();
    this.#dirtyNodes = false;
  }
}

/** Keeps a value under its key; undefined: none. */
export function put<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
