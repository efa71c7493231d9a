import {
  type BgpConfigurationFacts,
  type BgpFilterFacts,
  type BgpPeerFacts,
  type BgpPeerPolicyFacts,
  type Endpoint,
  type NamespaceFacts,
  type NodeFacts,
  type Pool,
  type Read,
  type ServiceAccountFacts,
  readBgpConfiguration,
  readBgpFilter,
  readBgpPeer,
  readBgpPeerPolicy,
  readIpPool,
  readNamespace,
  readNode,
  readPod,
  readServiceAccount,
} from '@muslin/api';
import { readBorrowed, readClaim } from './block-facts.ts';
import type { BlockClaim, BorrowedAddress, ClusterFacts, PasswordState } from './cluster-facts.ts';
import type { Problem } from './problem.ts';
import {
  readServiceEndpoints,
  readServiceRoutes,
  type ServiceEndpoint,
  type ServiceRouteFacts,
} from './service-facts.ts';

/** An object as a watch gives it. */
export interface SeenObject {
  readonly kind?: string;
  readonly metadata: { readonly name?: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/**
 * Keeps `ClusterFacts` as objects come and go. An object that becomes invalid keeps its last good meaning, since a
 * slip of the pen must not end sessions; one that was never valid is absent.
 */
export class FactStore {
  readonly #facts = {
    nodes: new Map<string, NodeFacts>(),
    configurations: new Map<string, BgpConfigurationFacts>(),
    peers: new Map<string, BgpPeerFacts>(),
    policies: new Map<string, BgpPeerPolicyFacts>(),
    filters: new Map<string, BgpFilterFacts>(),
    pools: new Map<string, Pool>(),
    blocks: new Map<string, BlockClaim>(),
    borrowed: new Map<string, readonly BorrowedAddress[]>(),
    services: new Map<string, ServiceRouteFacts>(),
    slices: new Map<string, { service: string; endpoints: readonly ServiceEndpoint[] }>(),
    passwords: new Map<string, PasswordState>(),
    pods: new Map<string, Endpoint>(),
    namespaces: new Map<string, NamespaceFacts>(),
    serviceAccounts: new Map<string, ServiceAccountFacts>(),
  };
  /** BGPConfigurations as they were written: those of nodes are read anew when the default changes. */
  readonly #written = new Map<string, SeenObject>();
  readonly #problems = new Map<string, readonly Problem[]>();
  #version = 0;

  /** The facts now: a live view. */
  get facts(): ClusterFacts {
    return this.#facts;
  }

  /** Goes up when a fact changes: most events (heartbeats of nodes, pods that come and go) change none. */
  get version(): number {
    return this.#version;
  }

  /** What is wrong with objects, as far as this node is concerned. */
  problems(node: string): readonly Problem[] {
    return [...this.#problems]
      .filter(([key]) => !key.startsWith('Node ') || key === `Node ${node}`)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, problems]) => problems);
  }

  /** Replaces all that is known about passwords. Gives whether something changed. */
  setPasswords(states: ReadonlyMap<string, PasswordState>): boolean {
    const text = (map: ReadonlyMap<string, PasswordState>) => JSON.stringify([...map].sort());
    if (text(states) === text(this.#facts.passwords)) return false;
    this.#version++;
    this.#facts.passwords.clear();
    for (const [name, state] of states) this.#facts.passwords.set(name, state);
    return true;
  }

  /** Takes an object as it is, or forgets it. Gives what is newly wrong with it, in words. */
  set(object: SeenObject, gone: boolean): readonly string[] {
    const { name = '', namespace } = object.metadata;
    const spec = (object['spec'] ?? {}) as Readonly<Record<string, unknown>>;
    const put = <T>(map: Map<string, T>, read: Read<T>) => this.#put(object, gone, map, read);
    const fill = <T>(map: Map<string, T>, key: string, value: T | undefined): readonly string[] => {
      this.#fill(map, key, gone ? undefined : value);
      return [];
    };
    switch (object.kind) {
      case 'Node':
        return put(this.#facts.nodes, readNode(object));
      case 'BGPConfiguration':
        return this.#setConfiguration(object, gone);
      case 'BGPPeer':
        return put(this.#facts.peers, readBgpPeer(object));
      case 'BGPPeerPolicy':
        return put(this.#facts.policies, readBgpPeerPolicy(object));
      case 'BGPFilter':
        return put(this.#facts.filters, readBgpFilter(object));
      case 'IPPool':
        return put(this.#facts.pools, readIpPool(object));
      case 'BlockAffinity':
        return fill(this.#facts.blocks, name, readClaim(spec));
      case 'IPAMBlock': {
        const borrowed = readBorrowed(spec);
        return fill(this.#facts.borrowed, name, borrowed.length === 0 ? undefined : borrowed);
      }
      case 'Service':
        return fill(this.#facts.services, `${namespace}/${name}`, readServiceRoutes(object));
      case 'EndpointSlice':
        return fill(this.#facts.slices, `${namespace}/${name}`, readServiceEndpoints(object));
      // What is odd about these is not for a speaker to say.
      case 'Pod':
        return fill(this.#facts.pods, `pod/${namespace}/${name}`, readPod(object).value);
      case 'Namespace':
        return fill(this.#facts.namespaces, name, readNamespace(object).value);
      case 'ServiceAccount':
        return fill(this.#facts.serviceAccounts, `${namespace}/${name}`, readServiceAccount(object).value);
      default:
        return [];
    }
  }

  #put<T>(object: SeenObject, gone: boolean, map: Map<string, T>, read: Read<T>): readonly string[] {
    const { name = '' } = object.metadata;
    const key = `${object.kind} ${name}`;
    if (gone) {
      this.#fill(map, name, undefined);
      this.#problems.delete(key);
      return [];
    }
    if (read.value !== undefined) this.#fill(map, name, read.value);
    const kept = read.value === undefined && map.has(name) ? '; its last valid form stays in effect' : '';
    const problems = read.findings.map(finding => ({
      object: key,
      reason: 'Invalid' as const,
      message: `${finding.path === '' ? '' : `${finding.path} `}${finding.message}${kept}`,
    }));
    const before = new Set(this.#problems.get(key)?.map(problem => problem.message));
    if (problems.length === 0) this.#problems.delete(key);
    else this.#problems.set(key, problems);
    return problems.filter(({ message }) => !before.has(message)).map(({ message }) => `${key}: ${message}`);
  }

  #fill<T>(map: Map<string, T>, key: string, value: T | undefined): void {
    if (textOf(map.get(key)) === textOf(value)) return;
    this.#version++;
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }

  #setConfiguration(object: SeenObject, gone: boolean): readonly string[] {
    const { name = '' } = object.metadata;
    if (gone) this.#written.delete(name);
    else this.#written.set(name, object);
    if (name !== 'default') return this.#readOwn(object, gone);
    const complaints = this.#put(object, gone, this.#facts.configurations, readBgpConfiguration(object));
    for (const [other, written] of this.#written) if (other !== 'default') this.#readOwn(written, false);
    return complaints;
  }

  #readOwn(object: SeenObject, gone: boolean): readonly string[] {
    const { configurations } = this.#facts;
    return this.#put(
      object,
      gone,
      configurations,
      readBgpConfiguration(object, configurations.get('default')),
    );
  }
}

/** Equal facts have equal texts. */
function textOf(fact: unknown): string | undefined {
  return JSON.stringify(fact, (_, part: unknown) =>
    part instanceof Map || part instanceof Set ? [...part] : part,
  );
}
