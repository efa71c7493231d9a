import {
  type Direction,
  type Endpoint,
  type FactChange,
  type NamedPort,
  type PeerMatch,
  type Policy,
  type PolicyRule,
  parseSelector,
  type RuleAction,
  type Selector,
  SNAPSHOT_MAP,
  type ServiceFacts,
  type Snapshot,
} from '@muslin/api';
import { mustIp, mustPrefix } from '@muslin/net';

/** A snapshot without anything. */
const EMPTY: Snapshot = {
  nodes: new Map(),
  namespaces: new Map(),
  serviceAccounts: new Map(),
  endpoints: new Map(),
  networkSets: new Map(),
  policies: new Map(),
  tiers: new Map(),
  services: new Map(),
  pools: new Map(),
  hostEndpoints: new Map(),
  felix: new Map(),
};

/** The snapshot after the changes, one after the other. */
export function changed(snapshot: Snapshot, ...changes: readonly FactChange[]): Snapshot {
  const result: Record<string, Map<string, unknown>> = {};
  for (const [name, map] of Object.entries(snapshot)) result[name] = new Map(map);
  for (const { type, key, value } of changes) {
    const map = result[SNAPSHOT_MAP[type]] as Map<string, unknown>;
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
  return result as unknown as Snapshot;
}

/** A cluster from a list of things, each made by the functions below. */
export function cluster(...things: readonly FactChange[]): Snapshot {
  return changed(EMPTY, tier('default', { order: 1_000_000 }), ...things);
}

function select(text: string): Selector {
  const parsed = parseSelector(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const labelsOf = (labels: Record<string, string> = {}) => new Map(Object.entries(labels));

export function node(name: string, ...ips: readonly string[]): FactChange {
  const none = { podCidrs: [], asNumber: undefined, routeReflectorClusterId: undefined };
  const value = { name, labels: labelsOf(), ips: ips.map(mustIp), ...none };
  return { type: 'node', key: name, value };
}

export function namespace(name: string, labels: Record<string, string> = {}): FactChange {
  return { type: 'namespace', key: name, value: { name, labels: labelsOf(labels) } };
}

export function serviceAccount(key: string, labels: Record<string, string>): FactChange {
  const [namespace = '', name = ''] = key.split('/');
  return { type: 'serviceAccount', key, value: { namespace, name, labels: labelsOf(labels) } };
}

interface PodOptions {
  readonly ips?: readonly string[];
  readonly labels?: Record<string, string>;
  readonly node?: string | undefined;
  readonly serviceAccount?: string;
  readonly hostNetwork?: boolean;
  readonly ports?: readonly NamedPort[];
  readonly declared?: readonly number[];
}

/** `namespace/name`; on node n1 unless told. */
export function pod(path: string, options: PodOptions = {}): FactChange & { readonly type: 'endpoint' } {
  const [namespace = '', name = ''] = path.split('/');
  const value: Endpoint = {
    key: `pod/${path}`,
    source: { kind: 'Pod', namespace, name },
    namespace,
    name,
    uid: `uid-${path}`,
    node: 'node' in options ? options.node : 'n1',
    labels: labelsOf(options.labels),
    serviceAccount: options.serviceAccount ?? 'default',
    ips: (options.ips ?? []).map(mustIp),
    ports: options.ports ?? [],
    hostNetwork: options.hostNetwork ?? false,
    declaredPorts: (options.declared ?? []).map(port => ({ protocol: 6, port })),
  };
  return { type: 'endpoint', key: value.key, value };
}

/** `namespace/name`, or `name` for a GlobalNetworkSet. */
export function networkSet(
  path: string,
  labels: Record<string, string>,
  ...nets: readonly string[]
): FactChange {
  const [name = '', ns] = path.split('/').reverse();
  const source = {
    kind: ns === undefined ? 'GlobalNetworkSet' : 'NetworkSet',
    name,
    ...(ns !== undefined && { namespace: ns }),
  };
  const value = {
    key: path,
    source,
    namespace: ns,
    labels: labelsOf(labels),
    nets: nets.map(net => mustPrefix(net)),
  };
  return { type: 'networkSet', key: path, value };
}

export function tier(
  name: string,
  options: { readonly order?: number; readonly defaultAction?: 'Deny' | 'Pass' } = {},
): FactChange {
  const value = {
    name,
    order: options.order ?? Number.POSITIVE_INFINITY,
    defaultAction: options.defaultAction ?? 'Deny',
  };
  return { type: 'tier', key: name, value };
}

interface PolicyOptions {
  readonly selector?: string;
  readonly tier?: string;
  readonly order?: number;
  readonly directions?: readonly Direction[];
  readonly ingress?: readonly RuleOptions[];
  readonly egress?: readonly RuleOptions[];
  readonly staged?: boolean;
  readonly removes?: string;
  readonly hosts?: NonNullable<Policy['hosts']>;
}

export type RuleOptions = Partial<Omit<PolicyRule, 'source' | 'destination' | 'action'>> & {
  readonly action?: RuleAction;
  readonly source?: PeerMatch;
  readonly destination?: PeerMatch;
};

/** `kind/namespace/name` or `kind/name`; directions: those that have rules, else ingress. */
export function policy(key: string, options: PolicyOptions = {}): FactChange & { readonly type: 'policy' } {
  const [name = '', ns, kind = ns] = key.split('/').reverse();
  const rules = (direction: Direction, list: readonly RuleOptions[] = []): PolicyRule[] =>
    list.map((rule, i) => ({
      path: `spec.${direction}[${i}]`,
      action: 'Allow',
      source: {},
      destination: {},
      ...rule,
    }));
  const given: Direction[] = [...(options.ingress ? ['ingress' as const] : [])];
  if (options.egress) given.push('egress');
  const own = select(options.selector ?? 'all()');
  const inNamespace = key.split('/').length === 3;
  const value: Policy = {
    key,
    source: {
      kind: kind === 'gnp' ? 'GlobalNetworkPolicy' : 'NetworkPolicy',
      name,
      ...(inNamespace && ns !== undefined && { namespace: ns }),
    },
    tier: options.tier ?? 'default',
    order: options.order ?? 1000,
    selector: inNamespace
      ? { op: 'and', of: [{ op: 'eq', key: 'projectcalico.org/namespace', value: ns ?? '' }, own] }
      : own,
    directions: new Set(options.directions ?? (given.length > 0 ? given : ['ingress'])),
    ingress: rules('ingress', options.ingress),
    egress: rules('egress', options.egress),
    staged: options.staged ?? false,
    ...(options.hosts !== undefined && { hosts: options.hosts }),
    ...(options.removes !== undefined && { removes: options.removes }),
  };
  return { type: 'policy', key, value };
}

/** A peer by selector. */
export const peer = (text: string): PeerMatch => ({ selector: select(text) });

/** A peer by addresses, without some. */
export const block = (net: string, ...except: readonly string[]): PeerMatch => ({
  nets: [mustPrefix(net)],
  ...(except.length > 0 && { notNets: except.map(e => mustPrefix(e)) }),
});

/** Ports by number, `first:last` or name. */
export function ports(...list: readonly (number | string)[]): PeerMatch {
  return {
    ports: list.map(port => {
      if (typeof port === 'number') return { first: port, last: port };
      const [first, last] = port.split(':').map(Number);
      return last === undefined ? { name: port } : { first: first as number, last };
    }),
  };
}

export const TCP = 6;
export const UDP = 17;

/** One port, 80 unless told, that leads to the backends `ip:port` or `[ip]:port`. */
export function service(
  key: string,
  clusterIp: string | undefined,
  backends: readonly string[],
  options: { readonly port?: number; readonly notReady?: readonly string[] } = {},
): FactChange & { readonly type: 'service'; readonly value: ServiceFacts } {
  const backend = (ready: boolean) => (text: string) => {
    const colon = text.lastIndexOf(':');
    const ip = mustIp(text.slice(0, colon).replace(/^\[|\]$/g, ''));
    const port = Number(text.slice(colon + 1));
    return { ip, protocol: TCP, port, portName: 'main', ready };
  };
  const value: ServiceFacts = {
    key,
    clusterIps: clusterIp === undefined ? [] : [mustIp(clusterIp)],
    ports: [{ name: 'main', protocol: TCP, port: options.port ?? 80 }],
    backends: [...backends.map(backend(true)), ...(options.notReady ?? []).map(backend(false))],
  };
  return { type: 'service', key, value };
}
