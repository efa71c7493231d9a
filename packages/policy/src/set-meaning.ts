import {
  type Endpoint,
  formatSelector,
  type Labels,
  matchesSelector,
  type MemberSet,
  type NetworkSetFacts,
  type NodeFacts,
  type Selector,
  type ServiceFacts,
  type SetId,
} from '@muslin/api';
import { formatIp, formatPrefix, hostPrefix } from '@muslin/net';

/**
 * What a member set stands for, before any cluster is looked at: a selector's addresses, the endpoints that offer
 * a named port, or a Service's backends with (`service`) or without (`service-addresses`) their ports.
 */
export type SetMeaning =
  | { readonly kind: 'selector'; readonly selector: Selector }
  | {
      readonly kind: 'named-port';
      readonly name: string;
      /** IANA number; undefined: any protocol that has ports. */
      readonly protocol: number | undefined;
      /** Only endpoints that it selects. */
      readonly selector: Selector;
    }
  /** Addresses of nodes, by the nodes' own labels. */
  | { readonly kind: 'nodes'; readonly selector: Selector }
  | { readonly kind: 'service' | 'service-addresses'; readonly service: string };

/** What can be a member by a selector: a pod or a host endpoint. */
export type Offering = Pick<Endpoint, 'ips' | 'ports'> & { readonly hostNetwork?: boolean };

/** Protocols that `ip-port` members can name. */
const PORT_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
]);

/** Equal meanings have equal ids, on every node and over restarts; the text after the colon is for people. */
export function setIdOf(meaning: SetMeaning): SetId {
  switch (meaning.kind) {
    case 'selector':
    case 'nodes':
      return `${meaning.kind}:${formatSelector(meaning.selector)}`;
    case 'named-port': {
      const protocol =
        meaning.protocol === undefined
          ? 'any'
          : (PORT_PROTOCOLS.get(meaning.protocol) ?? `${meaning.protocol}`);
      return `named-port:${protocol}:${meaning.name}:${formatSelector(meaning.selector)}`;
    }
    default:
      return `${meaning.kind}:${meaning.service}`;
  }
}

/** Which form the members of such a set have. */
export function kindOf(meaning: SetMeaning): MemberSet['kind'] {
  return meaning.kind === 'named-port' || meaning.kind === 'service' ? 'ip-port' : 'net';
}

/** The selector that decides which endpoints and network sets may be members; undefined for sets of Services and nodes. */
export function selectorOf(meaning: SetMeaning): Selector | undefined {
  return meaning.kind === 'selector' || meaning.kind === 'named-port' ? meaning.selector : undefined;
}

/** The member text of (address, protocol, port); undefined when the protocol has no ports. */
export function portMember(address: string, protocol: number, port: number): string | undefined {
  const name = PORT_PROTOCOLS.get(protocol);
  return name === undefined ? undefined : `${address},${name}:${port}`;
}

/** What an endpoint with these effective labels brings into the set. */
export function membersOfEndpoint(
  meaning: SetMeaning,
  endpoint: Offering,
  labels: Labels,
): readonly string[] {
  return selects(meaning, labels) ? offeredByEndpoint(meaning, endpoint) : [];
}

/** What a network set with these effective labels brings into the set. */
export function membersOfNetworkSet(
  meaning: SetMeaning,
  networkSet: NetworkSetFacts,
  labels: Labels,
): readonly string[] {
  return selects(meaning, labels) ? offeredByNetworkSet(meaning, networkSet) : [];
}

function selects(meaning: SetMeaning, labels: Labels): boolean {
  const selector = selectorOf(meaning);
  return selector !== undefined && matchesSelector(selector, labels);
}

/**
 * What an endpoint would bring in if it is selected: its addresses, or each with the port that the name means there.
 * Host-networked pods never bring anything (netpol S18); a name that does not resolve neither (netpol S10).
 */
export function offeredByEndpoint(meaning: SetMeaning, endpoint: Offering): readonly string[] {
  if (endpoint.hostNetwork) return [];
  if (meaning.kind === 'selector') return endpoint.ips.map(ip => formatPrefix(hostPrefix(ip)));
  if (meaning.kind !== 'named-port') return [];
  const members = endpoint.ports
    .filter(p => p.name === meaning.name && (meaning.protocol ?? p.protocol) === p.protocol)
    .flatMap(p => endpoint.ips.map(ip => portMember(formatIp(ip), p.protocol, p.port)));
  return [...new Set(members.filter(member => member !== undefined))];
}

/** What a network set would bring in if it is selected: addresses, but never ports. */
export function offeredByNetworkSet(meaning: SetMeaning, networkSet: NetworkSetFacts): readonly string[] {
  return meaning.kind === 'selector' ? networkSet.nets.map(formatPrefix) : [];
}

/** What a node brings into the set: its addresses, if it has the labels. */
export function membersOfNode(
  meaning: SetMeaning,
  node: Pick<NodeFacts, 'labels' | 'ips'>,
): readonly string[] {
  if (meaning.kind !== 'nodes' || !matchesSelector(meaning.selector, node.labels)) return [];
  return node.ips.map(ip => formatPrefix(hostPrefix(ip)));
}

/** What a Service brings into the set: all its backends, ready or not, as the data plane may still use them. */
export function membersOfService(meaning: SetMeaning, service: ServiceFacts): readonly string[] {
  if (meaning.kind !== 'service' && meaning.kind !== 'service-addresses') return [];
  const members = service.backends.map(backend =>
    meaning.kind === 'service'
      ? portMember(formatIp(backend.ip), backend.protocol, backend.port)
      : formatPrefix(hostPrefix(backend.ip)),
  );
  return [...new Set(members.filter(member => member !== undefined))];
}
