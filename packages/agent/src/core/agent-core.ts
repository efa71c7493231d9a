import {
  type Endpoint,
  type EndpointKey,
  type FactChange,
  type NodeState,
  sameValue,
  type SetId,
  SnapshotStore,
} from '@muslin/api';
import {
  blackholeRoute,
  compile,
  type FloatingIp,
  type HostPort,
  NODE_CONFIG_DEFAULTS,
  type NodeConfig,
  type Route,
  type Ruleset,
  workloadRoute,
} from '@muslin/dataplane';
import { type Family, formatPrefix, type Ip, type Prefix, sameIp, widthOf } from '@muslin/net';
import { applyDelta, type ElsewhereChange, EMPTY_NODE_STATE, Graph, isEmptyDelta } from '@muslin/policy';
import { DEFAULT_RULES, nodeRules, type RuleSettings } from './node-rules.ts';
import { familyState } from './family-state.ts';
import {
  floatingOf,
  hostPortsOf,
  type LocalEndpoint,
  type OwnBlock,
  type PreparedEndpoint,
} from './local-endpoint.ts';
import { PodWiring } from './pod-wiring.ts';

/** What the core is told. Facts, not orders: repeats and reversals are fine. */
export type AgentInput =
  | { readonly type: 'object'; readonly object: unknown }
  | { readonly type: 'gone'; readonly object: unknown }
  | { readonly type: 'local'; readonly endpoint: LocalEndpoint }
  | ({ readonly type: 'not-local' } & Pick<LocalEndpoint, 'key' | 'containerId' | 'hostInterface'>)
  /** A pod that is on its way: its rules may be there before its interface is. One that is plugged in needs none. */
  | { readonly type: 'prepared'; readonly endpoint: PreparedEndpoint }
  | ({ readonly type: 'not-prepared' } & Pick<PreparedEndpoint, 'key' | 'uid'>)
  | { readonly type: 'blocks'; readonly blocks: readonly OwnBlock[] }
  /** Members of a set that only others see, when this node is told no more than concerns it. */
  | { readonly type: 'members'; readonly id: SetId; readonly change: ElsewhereChange }
  /** What FelixConfigurations say of rules and of routes to pods. */
  | { readonly type: 'settings'; readonly rules: RuleSettings; readonly routes?: PodRoutes }
  /** Pods' interfaces on which the node has an address for BGP: it would send from it otherwise. */
  | { readonly type: 'peering'; readonly interfaces: ReadonlySet<string> }
  /** Addresses of Services that BGP advertises. */
  | { readonly type: 'services'; readonly cidrs: readonly Prefix[] }
  /** Further addresses that lead to local pods: those that are theirs by IPAM's word. */
  | {
      readonly type: 'floating';
      readonly addresses: readonly { readonly key: EndpointKey; readonly ip: Ip }[];
    }
  /** Interfaces of the node that are no pod's. */
  | { readonly type: 'links'; readonly links: NodeConfig['links'] }
  /** Routes of tunnels, and the nodes that may send encapsulated packets; undefined: nothing is decapsulated here. */
  | {
      readonly type: 'tunnels';
      readonly routes: readonly Route[];
      readonly vxlanPort: number;
      readonly peers: readonly Ip[] | undefined;
      readonly ipipPeers?: readonly Ip[] | undefined;
    };

/** How routes to pods of this node look. */
export interface PodRoutes {
  /** Preferred sources. */
  readonly sources: Partial<Readonly<Record<Family, Ip>>>;
  /** Whether routes by pods' interfaces that others made are removed. */
  readonly alone: boolean;
}

/** All that the kernel of this node should hold for us: a value. */
export interface Desired {
  readonly state: NodeState;
  /** Grows whenever `state` changes: equal numbers mean equal states. */
  readonly stateVersion: number;
  /** One for each family, as `compile` made it: back ends render it. */
  readonly rulesets: readonly Ruleset[];
  /** What each ruleset was compiled with. */
  readonly configs: readonly NodeConfig[];
  readonly routes: readonly Route[];
  /** Endpoints of `state` that have rules and no interface yet: nobody may count them as there. */
  readonly prepared: ReadonlySet<EndpointKey>;
  /** Interfaces by which nobody else may have routes. */
  readonly aloneOn: ReadonlySet<string>;
}

/** What the core must know once. */
export interface CoreOptions {
  readonly node: string;
  readonly families: readonly Family[];
  readonly endpointToHostAction: NodeConfig['endpointToHostAction'];
  readonly deniedLog?: NodeConfig['deniedLog'];
}

const NOWHERE: ReadonlySet<string> = new Set();

/**
 * The agent without its hands: objects and local pods in, desired kernel state out. No clock, no I/O; the same
 * inputs in any order that ends the same give the same answer.
 */
export class AgentCore {
  readonly #options: CoreOptions;
  readonly #store = new SnapshotStore();
  readonly #graph: Graph;
  readonly #wiring: PodWiring;
  /** Pods with interfaces, made or expected, as the graph was told of them last. */
  readonly #plugged = new Map<EndpointKey, Endpoint>();
  /** The latest rules, and what else than a configuration they were compiled from. */
  #compiled: { readonly from: readonly unknown[]; readonly rulesets: readonly Ruleset[] } | undefined;
  #blocks: readonly OwnBlock[] = [];
  #hostPorts: readonly HostPort[] = [];
  #floating: Extract<AgentInput, { type: 'floating' }>['addresses'] = [];
  #floatingIps: readonly FloatingIp[] = [];
  #links: NodeConfig['links'] = [];
  #tunnelRoutes: readonly Route[] = [];
  #vxlan: Pick<NodeConfig, 'vxlanPort' | 'vxlanPeers' | 'ipipPeers'> = NO_VXLAN;
  #rules: RuleSettings;
  readonly #podRoutesTo = new WeakMap<
    LocalEndpoint,
    { readonly sources: readonly (Ip | undefined)[]; readonly routes: readonly Route[] }
  >();
  #podRoutes: PodRoutes = { sources: {}, alone: false };
  #services: readonly Prefix[] = [];
  #peering = NOWHERE;
  #state: NodeState = EMPTY_NODE_STATE;
  #stateVersion = 0;
  #configs: readonly NodeConfig[] | undefined;
  /** The latest answer, as long as nothing that it was made of has changed. */
  #desired: Desired | undefined;

  constructor(options: CoreOptions) {
    this.#options = options;
    this.#rules = { ...DEFAULT_RULES, endpointToHostAction: options.endpointToHostAction };
    this.#graph = new Graph(options.node);
    this.#wiring = new PodWiring(options.node, key => this.#store.snapshot.endpoints.get(key));
    for (const [key, value] of this.#store.snapshot.tiers) this.#graph.update({ type: 'tier', key, value });
  }

  /** The cluster as this node sees it: a live view. */
  get snapshot() {
    return this.#store.snapshot;
  }

  /** The pods of this node with their interfaces, which all belong to one container. */
  get locals(): ReadonlyMap<EndpointKey, readonly LocalEndpoint[]> {
    return this.#wiring.locals;
  }

  /** Whether a host endpoint of this node stands where an address is. */
  get needsLinks(): boolean {
    return [...this.#store.snapshot.hostEndpoints.values()].some(
      host => host.node === this.#options.node && host.interfaceName === undefined,
    );
  }

  /** Takes notes; `desired` does the work. */
  tell(input: AgentInput): void {
    switch (input.type) {
      case 'object': {
        const { changes } = this.#store.upsert(input.object);
        for (const change of changes) this.#pass(change);
        return;
      }
      case 'gone':
        for (const change of this.#store.delete(input.object)) this.#pass(change);
        return;
      case 'local':
        this.#wiring.plug(input.endpoint);
        this.#moved(input.endpoint.key);
        return;
      case 'not-local':
        if (this.#wiring.unplug(input)) this.#moved(input.key);
        return;
      case 'prepared':
        if (this.#wiring.prepare(input.endpoint)) this.#moved(input.endpoint.key);
        return;
      case 'not-prepared':
        if (this.#wiring.unprepare(input)) this.#moved(input.key);
        return;
      case 'blocks':
        if (blocksText(input.blocks) === blocksText(this.#blocks)) return;
        this.#blocks = input.blocks;
        this.#desired = undefined;
        return;
      case 'members':
        this.#graph.tellElsewhere(input.id, input.change);
        return;
      case 'settings':
        if (input.routes !== undefined && JSON.stringify(input.routes) !== JSON.stringify(this.#podRoutes)) {
          this.#podRoutes = input.routes;
          this.#desired = undefined;
        }
        if (JSON.stringify(input.rules) === JSON.stringify(this.#rules)) return;
        this.#rules = input.rules;
        this.#recompile();
        return;
      case 'peering':
        if ([...input.interfaces].join() === [...this.#peering].join()) return;
        this.#peering = input.interfaces;
        this.#desired = undefined;
        return;
      case 'services':
        if (JSON.stringify(input.cidrs) === JSON.stringify(this.#services)) return;
        this.#services = input.cidrs;
        this.#recompile();
        return;
      case 'floating':
        if (JSON.stringify(input.addresses) === JSON.stringify(this.#floating)) return;
        this.#floating = input.addresses;
        this.#mapFloating();
        this.#desired = undefined;
        return;
      case 'links':
        if (textOf(input.links) === textOf(this.#links)) return;
        this.#links = input.links;
        if (this.needsLinks) this.#recompile();
        return;
      case 'tunnels': {
        this.#tunnelRoutes = input.routes;
        this.#desired = undefined;
        const vxlan = { vxlanPort: input.vxlanPort, vxlanPeers: input.peers, ipipPeers: input.ipipPeers };
        if (JSON.stringify(vxlan) === JSON.stringify(this.#vxlan)) return;
        this.#vxlan = vxlan;
        this.#recompile();
        return;
      }
    }
  }

  /** What the kernel should hold now. The same object while nothing changed; else its parts that did not are the same. */
  desired(): Desired {
    const delta = this.#graph.flush();
    if (!isEmptyDelta(delta)) {
      this.#state = applyDelta(this.#state, delta);
      this.#stateVersion++;
      this.#desired = undefined;
    }
    this.#desired ??= {
      state: this.#state,
      stateVersion: this.#stateVersion,
      rulesets: this.#rulesets(),
      configs: this.#nodeConfigs(),
      routes: this.#routes(),
      prepared: this.#wiring.expected,
      aloneOn: this.#aloneOn(),
    };
    return this.#desired;
  }

  /** The same list as before where nothing of what rules are made of has changed: a pod that was prepared moves routes alone. */
  #rulesets(): readonly Ruleset[] {
    const configs = this.#nodeConfigs();
    const from = [this.#state, configs, this.#wiring.version, this.#hostPorts, this.#floatingIps];
    if (this.#compiled?.from.every((part, i) => part === from[i])) return this.#compiled.rulesets;
    const rulesets = configs.map(config => compile(familyState(this.#state, config.family), config));
    this.#compiled = { from, rulesets };
    return rulesets;
  }

  /** Something changed that rules are compiled with. */
  #recompile(): void {
    this.#configs = undefined;
    this.#desired = undefined;
  }

  /** The same list as before where no pod has any. */
  #mapPorts(): void {
    const mapping = [...this.locals.values()].flat().filter(local => local.ports.length > 0);
    if (mapping.length === 0 && this.#hostPorts.length === 0) return;
    const ports = mapping.flatMap(hostPortsOf);
    if (JSON.stringify(ports) !== JSON.stringify(this.#hostPorts)) this.#hostPorts = ports;
  }

  /** The same list as before where nothing moved. */
  #mapFloating(): void {
    const mapped = floatingOf(this.#floating, this.locals).map(({ ip, pod }) => ({ ip, pod }));
    if (JSON.stringify(mapped) !== JSON.stringify(this.#floatingIps)) this.#floatingIps = mapped;
  }

  #routes(): readonly Route[] {
    const has = (prefix: Prefix) => this.#options.families.includes(prefix.ip.family);
    const routes = this.#blocks.filter(({ cidr }) => has(cidr)).map(({ cidr }) => blackholeRoute(cidr));
    for (const locals of this.locals.values())
      for (const local of locals) if (local.routedBy === 'us') routes.push(...this.#routesTo(local));
    // What the node itself sends there must find a way before it is translated.
    for (const { ip, hostInterface } of floatingOf(this.#floating, this.locals))
      routes.push(workloadRoute(ip, hostInterface, this.#sourceOn(hostInterface, ip.family)));
    // A block of one address has no room for a blackhole beside its pod.
    const isHost = ({ kind, destination: { ip, length } }: Route) =>
      kind !== 'unicast' && length === widthOf(ip.family);
    if (!routes.some(isHost)) return [...routes, ...this.#tunnelRoutes];
    const pods = new Set(routes.filter(r => r.kind === 'unicast').map(r => destinationOf(r)));
    return [
      ...routes.filter(r => r.kind === 'unicast' || !pods.has(destinationOf(r))),
      ...this.#tunnelRoutes,
    ];
  }

  /** The same values as before where nothing changed. */
  #routesTo(local: LocalEndpoint): readonly Route[] {
    const { ips, hostInterface } = local;
    const sources = ips.map(ip => this.#sourceOn(hostInterface, ip.family));
    const known = this.#podRoutesTo.get(local);
    if (known?.sources.every((source, i) => source === sources[i])) return known.routes;
    const routes = ips.map((ip, i) => workloadRoute(ip, hostInterface, sources[i]));
    this.#podRoutesTo.set(local, { sources, routes });
    return routes;
  }

  #sourceOn(hostInterface: string, family: Family): Ip | undefined {
    const told = this.#podRoutes.sources[family];
    if (told !== undefined || !this.#peering.has(hostInterface)) return told;
    // The kernel takes no route whose source is not its own.
    const has = (ip: Ip) => this.#links.some(({ ips }) => ips.some(own => sameIp(own, ip)));
    const { nodes } = this.#store.snapshot;
    return nodes.get(this.#options.node)?.ips.find(ip => ip.family === family && has(ip));
  }

  #aloneOn(): ReadonlySet<string> {
    if (!this.#podRoutes.alone) return NOWHERE;
    const ours = [...this.locals.values()].flat().filter(({ routedBy }) => routedBy === 'us');
    return new Set(ours.map(({ hostInterface }) => hostInterface));
  }

  #nodeConfigs(): readonly NodeConfig[] {
    this.#configs ??= this.#options.families.map(family => ({
      ...NODE_CONFIG_DEFAULTS,
      ...this.#vxlan,
      deniedLog: this.#options.deniedLog,
      family,
      pools: [...this.#store.snapshot.pools.values()],
      ...nodeRules(this.#rules, {
        pools: this.#store.snapshot.pools,
        nodes: this.#store.snapshot.nodes,
        services: this.#services,
      }),
      hostPorts: () => this.#hostPorts,
      floatingIps: () => this.#floatingIps,
      interfacesOf: key => this.#wiring.interfacesOf(key),
      links: this.#links,
    }));
    return this.#configs;
  }

  #pass(change: FactChange): void {
    const hosts = change.type === 'hostEndpoint' && change.key.startsWith(`host/${this.#options.node}/`);
    const nodes = change.type === 'node' && this.#rules.natExcludesNodes;
    if (change.type === 'pool' || hosts || nodes) this.#recompile();
    if (change.type === 'endpoint') this.#passEndpoint(change.key, change.value);
    else this.#graph.update(change);
  }

  /** A pod's interfaces or addresses may be others now. */
  #moved(key: EndpointKey): void {
    this.#mapPorts();
    if (this.#floating.length > 0) this.#mapFloating();
    this.#desired = undefined;
    this.#passEndpoint(key, this.#store.snapshot.endpoints.get(key));
  }

  /** The cluster tells of the addresses that we gave, moments after each ADD: by then that is no news. */
  #passEndpoint(key: EndpointKey, endpoint: Endpoint | undefined): void {
    const value = this.#corrected(endpoint);
    const plugged = value !== undefined && this.#wiring.interfacesOf(key).length > 0;
    if (plugged && sameValue(this.#plugged.get(key), value)) return;
    if (plugged) this.#plugged.set(key, value);
    else this.#plugged.delete(key);
    this.#graph.update({ type: 'endpoint', key, value });
  }

  /** A pod that we plugged in has the addresses that we gave it, whatever the API server knows by now. */
  #corrected(endpoint: Endpoint | undefined): Endpoint | undefined {
    if (endpoint === undefined) return undefined;
    const ips = this.#wiring.addressesOf(endpoint);
    return ips === undefined ? endpoint : { ...endpoint, node: this.#options.node, ips };
  }
}

const NO_VXLAN = { vxlanPort: NODE_CONFIG_DEFAULTS.vxlanPort, vxlanPeers: undefined, ipipPeers: undefined };

const blocksText = (blocks: readonly OwnBlock[]) =>
  blocks.map(({ name, cidr }) => `${name} ${formatPrefix(cidr)}`).join();

const textOf = (links: NodeConfig['links']) => JSON.stringify(links);

function destinationOf(route: Route): string {
  return formatPrefix(route.destination);
}
