import type {
  Direction,
  FailsafePort,
  FelixFacts,
  HostEndpoint,
  HostPlan,
  HostState,
  Labels,
  Policy,
  Tier,
  TierPlan,
} from '@muslin/api';
import { matchesSelector } from '@muslin/api';
import { comparePolicies, tierPlans } from './endpoint-plan.ts';

/** Puts the policies that select a host endpoint into the order in which they are asked, by what a packet does there. */
export function hostPlan(
  host: HostEndpoint,
  selecting: Iterable<Policy>,
  tiers: ReadonlyMap<string, Tier>,
): HostPlan {
  const policies = [...selecting].sort(comparePolicies);
  const of = (...when: readonly Policy['hosts'][]) => policies.filter(policy => when.includes(policy.hosts));
  const both = (some: readonly Policy[]): Record<Direction, readonly TierPlan[]> => ({
    ingress: tierPlans(some, 'ingress', tiers),
    egress: tierPlans(some, 'egress', tiers),
  });
  const { key, source, name, interfaceName, ips } = host;
  return {
    key,
    source,
    name,
    interfaceName,
    ips,
    local: both(of(undefined, 'forwarded')),
    forwarded: both(of('forwarded')),
    preDnat: tierPlans(of('pre-dnat'), 'ingress', tiers),
    untracked: both(of('untracked')),
    open: host.profiles.find(opens),
  };
}

/** Profiles of a Kubernetes cluster that allow everything; `ksa.` has labels but no rules, others do not exist. */
function opens(profile: string): boolean {
  return profile === 'projectcalico-default-allow' || profile.startsWith('kns.');
}

const port = (protocol: number, number: number): FailsafePort => ({
  protocol,
  port: number,
  net: undefined,
});
const TCP_BOTH = [179, 2379, 2380, 5473, 6443, 6666, 6667].map(number => port(6, number));

/** FelixConfiguration `failsafeInboundHostPorts` and `failsafeOutboundHostPorts`, Calico 3.33: SSH, DHCP, BGP, etcd, API. */
export const DEFAULT_FAILSAFE: HostState['failsafe'] = {
  inbound: [port(6, 22), port(17, 68), ...TCP_BOTH],
  outbound: [port(17, 53), port(17, 67), ...TCP_BOTH],
};

/** The FelixConfigurations of a node, the narrowest first: of each field the first that gives it counts. */
export function felixInOrder(
  felix: ReadonlyMap<string, FelixFacts>,
  node: string,
  labels: Labels | undefined,
): readonly FelixFacts[] {
  const chosen = [...felix.values()]
    .filter(one => one.name !== 'default' && !one.name.startsWith('node.') && one.nodeSelector !== undefined)
    .filter(one => labels !== undefined && matchesSelector(one.nodeSelector ?? { op: 'all' }, labels))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return [felix.get(`node.${node}`), ...chosen, felix.get('default')].filter(one => one !== undefined);
}

/** The failsafe ports of a node: each list from the narrowest configuration that gives one. */
export function failsafeOf(
  felix: ReadonlyMap<string, FelixFacts>,
  node: string,
  labels: Labels | undefined,
): HostState['failsafe'] {
  const order = felixInOrder(felix, node, labels);
  const first = (list: 'failsafeInbound' | 'failsafeOutbound') =>
    order.find(one => one[list] !== undefined)?.[list];
  return {
    inbound: first('failsafeInbound') ?? DEFAULT_FAILSAFE.inbound,
    outbound: first('failsafeOutbound') ?? DEFAULT_FAILSAFE.outbound,
  };
}
