import type {
  ActiveMatch,
  ActivePolicy,
  ActiveRule,
  Direction,
  PeerMatch,
  Policy,
  PolicyRule,
  Selector,
  SetId,
} from '@muslin/api';
import { type PortRange, portSet } from '@muslin/net';
import { type SetMeaning, setIdOf } from './set-meaning.ts';

/** A policy as a node enforces it, and what each set that it names stands for. Depends on the policy alone. */
export interface ResolvedPolicy {
  readonly active: ActivePolicy;
  readonly sets: ReadonlyMap<SetId, SetMeaning>;
}

/** Replaces selectors, named ports and Services by sets. Rules of a direction that it does not isolate vanish. */
export function resolvePolicy(policy: Policy): ResolvedPolicy {
  const sets = new Map<SetId, SetMeaning>();
  const name = (meaning: SetMeaning): SetId => {
    const id = setIdOf(meaning);
    sets.set(id, meaning);
    return id;
  };
  const rules = (direction: Direction): readonly ActiveRule[] =>
    policy.directions.has(direction)
      ? policy[direction].map(rule => resolveRule(rule, direction, policy.selector, name))
      : [];
  const active: ActivePolicy = {
    key: policy.key,
    source: policy.source,
    ingress: rules('ingress'),
    egress: rules('egress'),
    staged: policy.staged,
  };
  return { active, sets };
}

function resolveRule(
  { source, destination, ...rest }: PolicyRule,
  direction: Direction,
  subject: Selector,
  name: (meaning: SetMeaning) => SetId,
): ActiveRule {
  // The policy's own end is an endpoint that it selects: a named port there need not know the whole cluster.
  const end = (match: PeerMatch, side: 'source' | 'destination') => {
    const own = (side === 'destination') === (direction === 'ingress');
    const among = match.selector ?? (own ? subject : { op: 'all' as const });
    return resolveMatch(match, side, rest.protocol, among, name);
  };
  return { ...rest, source: end(source, 'source'), destination: end(destination, 'destination') };
}

function resolveMatch(
  match: PeerMatch,
  side: 'source' | 'destination',
  protocol: number | undefined,
  among: Selector,
  name: (meaning: SetMeaning) => SetId,
): ActiveMatch {
  const portNames = (ports: PeerMatch['ports'] = []): readonly SetId[] =>
    ports
      .filter(port => 'name' in port)
      .map(port => name({ kind: 'named-port', name: port.name, protocol, selector: among }));
  const numbers = (ports: PeerMatch['ports'] = []) =>
    portSet(ports.filter((port): port is PortRange => !('name' in port)));
  const inSets: SetId[] = [];
  if (match.selector !== undefined) inSets.push(name({ kind: 'selector', selector: match.selector }));
  if (match.nodes !== undefined) inSets.push(name({ kind: 'nodes', selector: match.nodes }));
  const portSets = [...portNames(match.ports)];
  if (match.service !== undefined) {
    // Calico EntityRule.services: as a destination with ports, as a source the addresses alone.
    if (side === 'destination') portSets.push(name({ kind: 'service', service: match.service }));
    else inSets.push(name({ kind: 'service-addresses', service: match.service }));
  }
  const ports = numbers(match.ports);
  const notPorts = numbers(match.notPorts);
  const notPortSets = portNames(match.notPorts);
  return {
    ...(match.nets && { nets: match.nets }),
    ...(match.notNets && { notNets: match.notNets }),
    ...(inSets.length > 0 && { inSets }),
    ...(match.notSelector && { notInSets: [name({ kind: 'selector', selector: match.notSelector })] }),
    // An empty list matches nothing, so it must stay when no set can make up for it.
    ...(match.ports && (ports.length > 0 || portSets.length === 0) && { ports }),
    ...(portSets.length > 0 && { portSets }),
    ...(notPorts.length > 0 && { notPorts }),
    ...(notPortSets.length > 0 && { notPortSets }),
  };
}
