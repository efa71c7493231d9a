import type { Endpoint, HostEndpoint, ServiceFacts, Snapshot } from '@muslin/api';
import { fail, formatIp, type Ip, ok, type Result } from '@muslin/net';
import { type AtHostPort, hostPortAt } from './host-port-path.ts';
import type { EndIdentity, FlowEnd, FlowFault, Note } from './flow.ts';
import type { Door } from './translation.ts';

/** An end of a flow with the addresses that it may use, preferred first. */
export interface LocatedEnd {
  readonly identity: EndIdentity;
  readonly ips: readonly Ip[];
  readonly notes: readonly Note[];
}

/** A Service, and the door at which it is dialled. */
export interface AtDoor {
  readonly service: ServiceFacts;
  readonly door: Door;
}

/** Finds who has an address. Indexes one snapshot when first asked. */
export class Locator {
  readonly #snapshot: Snapshot;
  #pods: ReadonlyMap<string, readonly Endpoint[]> | undefined;
  #nodes: ReadonlyMap<string, string> | undefined;
  #doors: ReadonlyMap<string, ServiceFacts> | undefined;
  #hostPorts: readonly Endpoint[] | undefined;
  #hosts: ReadonlyMap<string, readonly { readonly host: HostEndpoint }[]> | undefined;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  /** Pods that list the address as their own, by key; several only while one address changes hands. */
  podsAt(address: string): readonly Endpoint[] {
    this.#pods ??= podsOf(this.#snapshot);
    return this.#pods.get(address) ?? [];
  }

  /** Host endpoints that expect the address. */
  hostsAt(address: string): readonly HostEndpoint[] {
    if (this.#snapshot.hostEndpoints.size === 0) return [];
    this.#hosts ??= Map.groupBy(
      [...this.#snapshot.hostEndpoints.values()].flatMap(host =>
        host.ips.map(ip => ({ address: formatIp(ip), host })),
      ),
      ({ address: text }) => text,
    );
    return (this.#hosts.get(address) ?? []).map(({ host }) => host);
  }

  /** The Service that an address and port mean to kube-proxy, and where it is dialled by them. */
  serviceAt(address: string, protocol: number, port: number): AtDoor | undefined {
    this.#doors ??= doorsOf(this.#snapshot);
    const service = this.#doors.get(address);
    if (service !== undefined) return { service, door: { kind: 'inside' } };
    const outside = this.#doors.get(`${address} ${protocol} ${port}`);
    if (outside !== undefined) return { service: outside, door: { kind: 'outside' } };
    const opened = this.#doors.get(`node ${protocol} ${port}`);
    const node = opened && this.#nodeAt(address);
    return node === undefined || opened === undefined
      ? undefined
      : { service: opened, door: { kind: 'node', node } };
  }

  /** The pod that has a port of the node with this address as its own. */
  hostPortAt(ip: Ip, protocol: number, port: number): AtHostPort | undefined {
    this.#hostPorts ??= [...this.#snapshot.endpoints.values()].filter(pod => pod.hostPorts !== undefined);
    if (this.#hostPorts.length === 0) return undefined;
    const node = this.#nodeAt(formatIp(ip));
    return node === undefined ? undefined : hostPortAt(this.#hostPorts, node, { ip, protocol, port });
  }

  /** Who the end is. Pods without addresses are a fault; an address that nobody has is outside the cluster. */
  locate(end: FlowEnd): Result<LocatedEnd, FlowFault> {
    return 'ip' in end ? ok(this.#locateIp(end.ip)) : this.#locateEndpoint(end.endpoint);
  }

  #locateIp(ip: Ip): LocatedEnd {
    const address = formatIp(ip);
    const pods = this.podsAt(address).filter(pod => pod.node !== undefined);
    const [pod] = pods;
    if (pod?.node !== undefined) {
      const notes: readonly Note[] =
        pods.length > 1 ? [{ code: 'shared-address', endpoints: pods.map(other => other.key) }] : [];
      return { identity: { kind: 'pod', endpoint: pod.key, node: pod.node }, ips: [ip], notes };
    }
    const node = this.#nodeAt(address);
    const identity: EndIdentity = node === undefined ? { kind: 'external' } : { kind: 'node', node };
    return { identity, ips: [ip], notes: [] };
  }

  #locateEndpoint(key: string): Result<LocatedEnd, FlowFault> {
    const endpoint = this.#snapshot.endpoints.get(key);
    if (endpoint === undefined)
      return fail({
        code: 'UnknownEndpoint',
        endpoint: key,
        message: `There is no endpoint ${key}. Pods are named pod/<namespace>/<name>.`,
      });
    const { node, hostNetwork } = endpoint;
    if (node === undefined) return noAddress(key, 'it is still pending: no node has been chosen for it');
    const own = endpoint.ips;
    const ips = hostNetwork && own.length === 0 ? (this.#snapshot.nodes.get(node)?.ips ?? []) : own;
    if (ips.length === 0) return noAddress(key, `node ${node} has not reported one yet`);
    const identity: EndIdentity = { kind: hostNetwork ? 'node' : 'pod', node, endpoint: key };
    return ok({ identity, ips, notes: [] });
  }

  #nodeAt(address: string): string | undefined {
    if (this.#nodes === undefined) {
      const nodes = new Map<string, string>();
      for (const endpoint of this.#snapshot.endpoints.values()) {
        if (!endpoint.hostNetwork || endpoint.node === undefined) continue;
        for (const ip of endpoint.ips) nodes.set(formatIp(ip), endpoint.node);
      }
      for (const node of this.#snapshot.nodes.values())
        for (const ip of node.ips) nodes.set(formatIp(ip), node.name);
      this.#nodes = nodes;
    }
    return this.#nodes.get(address);
  }
}

/** Services by ClusterIP; by outside address, protocol and port; by protocol and port of every node. */
function doorsOf(snapshot: Snapshot): ReadonlyMap<string, ServiceFacts> {
  const doors = new Map<string, ServiceFacts>();
  for (const service of snapshot.services.values()) {
    for (const ip of service.clusterIps) doors.set(formatIp(ip), service);
    for (const { protocol, port, nodePort } of service.ports) {
      for (const ip of service.outsideIps ?? []) doors.set(`${formatIp(ip)} ${protocol} ${port}`, service);
      if (nodePort !== undefined) doors.set(`node ${protocol} ${nodePort}`, service);
    }
  }
  return doors;
}

function podsOf(snapshot: Snapshot): ReadonlyMap<string, readonly Endpoint[]> {
  const pods = new Map<string, Endpoint[]>();
  for (const endpoint of snapshot.endpoints.values()) {
    if (endpoint.hostNetwork) continue;
    for (const ip of endpoint.ips) {
      const address = formatIp(ip);
      const there = pods.get(address);
      if (there === undefined) pods.set(address, [endpoint]);
      else there.push(endpoint);
    }
  }
  for (const there of pods.values()) there.sort((a, b) => (a.key < b.key ? -1 : 1));
  return pods;
}

function noAddress(endpoint: string, why: string): Result<never, FlowFault> {
  return fail({
    code: 'EndpointHasNoAddress',
    endpoint,
    message: `${endpoint} has no address: ${why}. Ask again when it has one.`,
  });
}
