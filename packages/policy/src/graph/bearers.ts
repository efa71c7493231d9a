import {
  type Endpoint,
  effectiveHostLabels,
  effectiveLabels,
  effectiveNetworkSetLabels,
  type FactChange,
  type HostEndpoint,
  type NamespaceFacts,
  type NetworkSetFacts,
  type ServiceAccountFacts,
} from '@muslin/api';
import { type Bearer, changedKeys, endpointBearer, hostBearer, offersSame } from './bearer.ts';
import { LabelIndex } from './label-index.ts';

type Facts<T extends FactChange['type']> = Extract<FactChange, { type: T }>;

/** How one bearer changed; `keys` when nothing but these labels differs. */
export interface BearerChange {
  readonly id: string;
  readonly before: Bearer | undefined;
  readonly after: Bearer | undefined;
  readonly keys: ReadonlySet<string> | undefined;
}

/** All that selectors can select, with the labels that they inherit. Changes wait until `drain`. */
export class Bearers {
  readonly index = new LabelIndex<Bearer>();
  readonly #namespaces = new Map<string, NamespaceFacts>();
  readonly #serviceAccounts = new Map<string, ServiceAccountFacts>();
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #hosts = new Map<string, HostEndpoint>();
  /** Host endpoints to which profiles hand labels down. */
  readonly #heirs = new Set<string>();
  readonly #networkSets = new Map<string, NetworkSetFacts>();
  /** As of the last `drain`, by id. */
  readonly #bearers = new Map<string, Bearer>();
  readonly #byNamespace = new Map<string, Set<string>>();
  readonly #dirty = new Set<string>();
  readonly #dirtyNamespaces = new Set<string>();
  readonly #dirtyServiceAccounts = new Set<string>();

  endpoint({ key, value }: Facts<'endpoint'>): void {
    put(this.#endpoints, key, value);
    this.#dirty.add(endpointId(key));
  }

  hostEndpoint({ key, value }: Facts<'hostEndpoint'>): void {
    put(this.#hosts, key, value);
    this.#dirty.add(hostId(key));
  }

  networkSet({ key, value }: Facts<'networkSet'>): void {
    put(this.#networkSets, key, value);
    this.#dirty.add(networkSetId(key));
  }

  namespace({ key, value }: Facts<'namespace'>): void {
    put(this.#namespaces, key, value);
    this.#dirtyNamespaces.add(key);
  }

  serviceAccount({ key, value }: Facts<'serviceAccount'>): void {
    put(this.#serviceAccounts, key, value);
    this.#dirtyServiceAccounts.add(key);
  }

  /** Brings labels and the index up to date and tells each change, once. */
  drain(changed: (change: BearerChange) => void): void {
    for (const id of this.#inheriting()) this.#dirty.add(id);
    for (const id of this.#dirty) {
      const before = this.#bearers.get(id);
      const after = this.#make(id);
      if (before === undefined && after === undefined) continue;
      const keys =
        before !== undefined && after !== undefined && offersSame(before, after)
          ? changedKeys(before.labels, after.labels)
          : undefined;
      this.#replace(id, before, after);
      changed({ id, before, after, keys });
    }
    this.#dirty.clear();
    this.#dirtyNamespaces.clear();
    this.#dirtyServiceAccounts.clear();
  }

  *#inheriting(): Iterable<string> {
    if (this.#dirtyNamespaces.size + this.#dirtyServiceAccounts.size > 0) yield* this.#heirs;
    for (const namespace of this.#dirtyNamespaces) yield* this.#byNamespace.get(namespace) ?? [];
    for (const account of this.#dirtyServiceAccounts) {
      const namespace = account.slice(0, account.indexOf('/'));
      for (const id of this.#byNamespace.get(namespace) ?? []) {
        const bearer = this.#bearers.get(id);
        if (bearer?.kind === 'endpoint' && `${namespace}/${bearer.facts.serviceAccount}` === account)
          yield id;
      }
    }
  }

  #make(id: string): Bearer | undefined {
    const endpoint = this.#endpoints.get(id.slice(ID_PREFIX));
    if (id.startsWith('e') && endpoint !== undefined) {
      const { namespace, serviceAccount } = endpoint;
      const account = this.#serviceAccounts.get(`${namespace}/${serviceAccount}`);
      return endpointBearer(endpoint, effectiveLabels(endpoint, this.#namespaces.get(namespace), account));
    }
    const host = this.#hosts.get(id.slice(ID_PREFIX));
    if (id.startsWith('h') && host !== undefined)
      return hostBearer(
        host,
        effectiveHostLabels(
          host,
          name => this.#namespaces.get(name),
          key => this.#serviceAccounts.get(key),
        ),
      );
    const facts = this.#networkSets.get(id.slice(ID_PREFIX));
    if (!id.startsWith('n') || facts === undefined) return undefined;
    const namespace = facts.namespace === undefined ? undefined : this.#namespaces.get(facts.namespace);
    return { kind: 'networkSet', facts, labels: effectiveNetworkSetLabels(facts, namespace) };
  }

  #replace(id: string, before: Bearer | undefined, after: Bearer | undefined): void {
    if (before !== undefined) {
      this.index.delete(before);
      this.#bearers.delete(id);
    }
    if (after !== undefined) {
      this.index.add(after);
      this.#bearers.set(id, after);
    }
    if (after?.kind === 'host' && after.facts.profiles.some(hasLabels)) this.#heirs.add(id);
    else this.#heirs.delete(id);
    const [from, to] = [namespaceOf(before), namespaceOf(after)];
    if (from === to) return;
    if (from !== undefined) {
      const there = this.#byNamespace.get(from);
      if (there?.delete(id) && there.size === 0) this.#byNamespace.delete(from);
    }
    if (to !== undefined) {
      const there = this.#byNamespace.get(to);
      if (there === undefined) this.#byNamespace.set(to, new Set([id]));
      else there.add(id);
    }
  }
}

const ID_PREFIX = 2;
const endpointId = (key: string): string => `e:${key}`;
const hostId = (key: string): string => `h:${key}`;
const networkSetId = (key: string): string => `n:${key}`;

const hasLabels = (profile: string): boolean => /^(kns|ksa)\./.test(profile);

function namespaceOf(bearer: Bearer | undefined): string | undefined {
  return bearer === undefined || bearer.kind === 'host' ? undefined : bearer.facts.namespace;
}

function put<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
