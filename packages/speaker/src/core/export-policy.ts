import type { BgpFilterFacts, BgpFilterRule, Pool } from '@muslin/api';
import type { Policy, PolicyRule, RouteAction, RouteMatch } from '@muslin/bgp';
import { type Family, formatPrefix } from '@muslin/net';
import { type ClusterFacts, configurationOf } from './cluster-facts.ts';
import { hopVia, type LinkWay } from './link-way.ts';

/** A route's kernel metric on the wire: LOCAL_PREF, as Calico's nodes send it, so that both mesh with each other. */
export function localPrefOf(priority: number): number {
  return 2_147_483_647 - priority;
}

/**
 * What a node tells a peer, in Calico's order: the peer's filters first (an Accept there overrides all that
 * follows), then pools that must not be exported, communities, our own routes, on a route reflector what is inside
 * Service CIDRs, anything inside a pool; nothing else.
 */
export function exportPolicy(facts: ClusterFacts, nodeName: string, filters: readonly string[]): Policy {
  const pools = sortedPools(facts);
  return {
    rules: [
      ...filterRules(facts, filters, 'export'),
      ...pools.filter(pool => pool.disableBgpExport).map(pool => inside(pool, 'reject')),
      ...communityRules(facts, nodeName),
      { name: 'own routes', match: { source: 'own' }, verdict: 'accept' },
      ...reflectedServices(facts, nodeName),
      ...pools
        .filter(pool => !pool.disabled && !pool.disableBgpExport)
        .flatMap(pool => [secondHand(pool), inside(pool, 'accept')]),
    ],
    otherwise: 'reject',
  };
}

/** By name, so that equal facts give equal policies whatever came first. */
function sortedPools(facts: ClusterFacts): readonly Pool[] {
  return [...facts.pools.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** BGPConfiguration prefixAdvertisements: on every exported route inside the prefix. */
function communityRules(facts: ClusterFacts, nodeName: string): readonly PolicyRule[] {
  return configurationOf(facts, nodeName)
    .prefixAdvertisements.filter(({ communities }) => communities.length > 0)
    .map(({ cidr, communities }) => ({
      name: `communities of ${formatPrefix(cidr)}`,
      match: { prefix: { prefix: cidr, operator: 'in' } },
      actions: communities.map(value => ({ kind: 'add-community', community: communityOf(value) })),
      verdict: 'continue',
    }));
}

/** Nodes tell their host routes to Services to the reflector alone: it must pass them on. */
function reflectedServices(facts: ClusterFacts, nodeName: string): readonly PolicyRule[] {
  if (facts.nodes.get(nodeName)?.routeReflectorClusterId === undefined) return [];
  const { serviceExternalIps, serviceLoadBalancerIps } = configurationOf(facts, nodeName);
  return [...serviceExternalIps, ...serviceLoadBalancerIps].map(prefix => ({
    name: `services ${formatPrefix(prefix)}`,
    match: { prefix: { prefix, operator: 'in' } },
    verdict: 'accept',
  }));
}

/** What a node takes from a peer: all that the peer's filters don't reject. */
export function importPolicy(
  facts: ClusterFacts,
  filters: readonly string[],
  interfaceName?: string,
): Policy {
  return { rules: filterRules(facts, filters, 'import', interfaceName), otherwise: 'accept' };
}

/** MULTI_EXIT_DISC of what a node passes on to another AS; its own routes have none, which is better. */
const PASSED_ON_MED = 100;

/**
 * A router that has sessions with every node must send packets straight to the node that owns the block, yet one
 * that has a session with only some nodes must learn all blocks: so nodes pass routes on, marked as second choice.
 */
function secondHand(pool: Pool): PolicyRule {
  return {
    ...inside(pool, 'accept'),
    match: { peerType: 'ebgp', source: 'remote', prefix: { prefix: pool.cidr, operator: 'in' } },
    actions: [{ kind: 'set-med', value: PASSED_ON_MED }],
  };
}

function inside(pool: Pool, verdict: 'accept' | 'reject'): PolicyRule {
  const { cidr: prefix } = pool;
  return { name: `pool ${pool.name}`, match: { prefix: { prefix, operator: 'in' } }, verdict };
}

function filterRules(
  facts: ClusterFacts,
  names: readonly string[],
  direction: 'import' | 'export',
  interfaceName?: string,
): readonly PolicyRule[] {
  const links = { ways: facts.links ?? [], interfaceName };
  return names.flatMap(name => {
    const filter = facts.filters.get(name);
    if (filter === undefined) return [];
    return [...rulesOf(filter, direction, 4, links), ...rulesOf(filter, direction, 6, links)];
  });
}

function rulesOf(
  filter: BgpFilterFacts,
  direction: 'import' | 'export',
  family: Family,
  links: Links,
): readonly PolicyRule[] {
  return filter[`${direction}V${family}`].map(rule => toRule(filter.name, rule, family, links));
}

/** What tells the interface of a route. */
interface Links {
  readonly ways: readonly LinkWay[];
  /** The session's, where its addresses are those of a link. */
  readonly interfaceName: string | undefined;
}

/**
 * A rule of a BGPFilter. A route's metric is its LOCAL_PREF, as everywhere in a cluster (`localPrefOf`); its interface is the
 * one that its next hop is reached by, and our own routes have none.
 */
function toRule(filter: string, rule: BgpFilterRule, family: Family, links: Links): PolicyRule {
  const match: RouteMatch = {
    family,
    ...(rule.match === undefined
      ? {}
      : {
          prefix: {
            prefix: rule.match.cidr,
            operator: OPERATORS[rule.match.operator],
            lengths: { min: rule.match.least, max: rule.match.most },
          },
        }),
    ...(rule.learned === undefined ? {} : { source: 'remote' }),
    ...(rule.peerType === undefined ? {} : { peerType: rule.peerType === 'eBGP' ? 'ebgp' : 'ibgp' }),
    ...(rule.community === undefined ? {} : { communities: [communityOf(rule.community)] }),
    ...(rule.asPathPrefix === undefined ? {} : { asPathPrefix: rule.asPathPrefix }),
    ...(rule.interface === undefined ? {} : { via: hopVia(rule.interface, links.ways, links.interfaceName) }),
    ...(rule.priority === undefined ? {} : { localPref: localPrefOf(rule.priority) }),
  };
  const actions = rule.operations.map((operation): RouteAction => {
    switch (operation.type) {
      case 'addCommunity':
        return { kind: 'add-community', community: communityOf(operation.community) };
      case 'prependAsPath':
        return { kind: 'prepend', asNumbers: operation.asNumbers };
      case 'setPriority':
        return { kind: 'set-local-pref', value: localPrefOf(operation.priority) };
      default:
        return operation satisfies never;
    }
  });
  return {
    name: `${filter} ${rule.path}`,
    match,
    actions,
    verdict: rule.action === 'Accept' ? 'accept' : 'reject',
  };
}

const OPERATORS = { Equal: 'equal', NotEqual: 'not-equal', In: 'in', NotIn: 'not-in' } as const;

function communityOf(value: readonly [number, number] | readonly [number, number, number]) {
  return value.length === 2
    ? ({ kind: 'standard', value: value[0] * 65_536 + value[1] } as const)
    : ({ kind: 'large', value } as const);
}

/** Whether a filter asks for interfaces: then those of the node have to be known. */
export function asksForInterfaces(facts: ClusterFacts): boolean {
  return [...facts.filters.values()].some(({ exportV4, importV4, exportV6, importV6 }) =>
    [...exportV4, ...importV4, ...exportV6, ...importV6].some(rule => rule.interface !== undefined),
  );
}
