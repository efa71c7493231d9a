import type { Endpoint, EndpointKey } from '@muslin/api';
import type { Ip } from '@muslin/net';
import type { LocalEndpoint, PreparedEndpoint } from './local-endpoint.ts';

/** By which interfaces the pods of this node are reached: those that are there, and those that are expected. */
export class PodWiring {
  readonly #node: string;
  readonly #endpointOf: (key: EndpointKey) => Endpoint | undefined;
  readonly #locals = new Map<EndpointKey, readonly LocalEndpoint[]>();
  readonly #prepared = new Map<EndpointKey, PreparedEndpoint>();
  #version = 0;

  /** `endpointOf`: what the cluster says of a pod now. */
  constructor(node: string, endpointOf: (key: EndpointKey) => Endpoint | undefined) {
    this.#node = node;
    this.#endpointOf = endpointOf;
  }

  /** The pods of this node with their interfaces, which all belong to one container. */
  get locals(): ReadonlyMap<EndpointKey, readonly LocalEndpoint[]> {
    return this.#locals;
  }

  /** Grows when a pod is reached by other interfaces than before. */
  get version(): number {
    return this.#version;
  }

  /** Pods whose interface is expected. */
  get expected(): ReadonlySet<EndpointKey> {
    return new Set([...this.#prepared.keys()].filter(key => this.#preparedAs(key) !== undefined));
  }

  /** A newer sandbox of a pod takes everything from the older one. */
  plug(endpoint: LocalEndpoint): void {
    const { key, containerId, hostInterface } = endpoint;
    this.#rewire(key, () => {
      const others = (this.#locals.get(key) ?? []).filter(
        local => local.containerId === containerId && local.hostInterface !== hostInterface,
      );
      this.#locals.set(key, [...others, endpoint]);
    });
  }

  /** An older sandbox of the same pod has no say over the newer one. Whether it was there. */
  unplug({
    key,
    containerId,
    hostInterface,
  }: Pick<LocalEndpoint, 'key' | 'containerId' | 'hostInterface'>): boolean {
    const known = this.#locals.get(key) ?? [];
    const stay = known.filter(
      local => local.containerId !== containerId || local.hostInterface !== hostInterface,
    );
    if (stay.length === known.length) return false;
    this.#rewire(key, () => {
      if (stay.length === 0) this.#locals.delete(key);
      else this.#locals.set(key, stay);
    });
    return true;
  }

  /** Whether it matters: a pod that has an interface is reached by that. */
  prepare(endpoint: PreparedEndpoint): boolean {
    const { key } = endpoint;
    this.#rewire(key, () => this.#prepared.set(key, endpoint));
    return !this.#locals.has(key);
  }

  /** Whether it matters. */
  unprepare({ key, uid }: Pick<PreparedEndpoint, 'key' | 'uid'>): boolean {
    if (this.#prepared.get(key)?.uid !== uid) return false;
    this.#rewire(key, () => this.#prepared.delete(key));
    return !this.#locals.has(key);
  }

  interfacesOf(key: EndpointKey): readonly string[] {
    const locals = this.#locals.get(key);
    if (locals !== undefined) return locals.map(local => local.hostInterface);
    const prepared = this.#preparedAs(key);
    return prepared === undefined ? [] : [prepared.hostInterface];
  }

  /** The addresses that this node gave a pod, or is about to give; undefined: the cluster knows better. */
  addressesOf({ key, uid }: Endpoint): readonly Ip[] | undefined {
    const locals = this.#locals.get(key);
    if (locals === undefined) return this.#preparedAs(key)?.ips;
    const own = locals.filter(local => local.uid === uid);
    return own.length === 0 ? undefined : own.flatMap(local => local.ips);
  }

  /** How a pod was prepared, as long as that holds: the very pod is bound here, and has no address that anybody knows of. */
  #preparedAs(key: EndpointKey): PreparedEndpoint | undefined {
    const prepared = this.#prepared.get(key);
    if (prepared === undefined || this.#locals.has(key)) return undefined;
    const endpoint = this.#endpointOf(key);
    if (endpoint === undefined || endpoint.uid !== prepared.uid || endpoint.ips.length > 0) return undefined;
    return endpoint.node === this.#node && !endpoint.hostNetwork ? prepared : undefined;
  }

  #rewire(key: EndpointKey, change: () => void): void {
    const before = this.interfacesOf(key).join();
    change();
    if (this.interfacesOf(key).join() !== before) this.#version++;
  }
}
