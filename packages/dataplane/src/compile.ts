import type { ActivePolicy, Direction, EndpointPlan, NodeState, TierPlan } from '@muslin/api';
import { type ConfigCache, cacheOf, sameList } from './compile/cache.ts';
import type { NodeConfig } from './compile/config.ts';
import { endpointChain } from './compile/endpoint-chain.ts';
import { FILTER_HOOKS, fromChain, toChain } from './compile/filter.ts';
import { type HookChains, hookChains } from './compile/hooks.ts';
import { type HostRules, hostRules } from './compile/hosts.ts';
import { natRules } from './compile/nat.ts';
import { withOwnSources } from './compile/own-sources.ts';
import { policyChain } from './compile/policy-chains.ts';
import { type Segments, segmentsOf } from './compile/segments.ts';
import { type TierChain, type TierPart, tierChain } from './compile/tier-chain.ts';
import { type Chain, reachable, type Ruleset, type TableName, type TableRules } from './ir/ruleset.ts';
import type { Choice } from './lookups/choose.ts';

/** The tables that `compile` writes to, always all of them: whoever reads back must read these. */
export const COMPILED_TABLES: readonly TableName[] = ['raw', 'mangle', 'filter', 'nat'];

/**
 * The rules that enforce a `NodeState` in one family.
 *
 * Pure: equal inputs give equal rulesets. Chains of unchanged endpoints and policies are the same objects from
 * call to call (as long as `config` is the same object), so that what follows can tell at a glance what changed.
 * An endpoint with an interface but without a plan, or the reverse, gets nothing through: fail closed.
 */
export function compile(state: NodeState, config: NodeConfig): Ruleset {
  const cache = cacheOf(config);
  const chains = new Map<string, Chain>();
  for (const chain of cache.fixed) chains.set(chain.name, chain);
  const hosts = hostRules(state, config, cache.marks, cache.host);
  if (cache.hooks === undefined || cache.hooks.of !== hosts)
    cache.hooks = { of: hosts, made: hooksOf(config, hosts, cache.fixed) };
  const hooks = cache.hooks.made;
  for (const chain of hooks.filter) chains.set(chain.name, chain);
  for (const chain of hosts?.chains.values() ?? []) chains.set(chain.name, chain);
  const ports = config.hostPorts();
  const floating = config.floatingIps();
  if (cache.nat?.of !== ports || cache.nat.and !== floating)
    cache.nat = { of: ports, and: floating, made: natRules(config, ports, floating) };
  const egress = localsOf('egress', state, config, cache);
  const ingress = localsOf('ingress', state, config, cache);
  const choice = chooseLookups(state, config, cache);
  const from = addDirection('egress', egress, choice, config, cache, chains);
  const to = addDirection('ingress', ingress, choice, config, cache, chains);
  chains.set(from.name, from);
  chains.set(to.name, to);
  const filter = { hooks: FILTER_HOOKS, chains: reachable(FILTER_HOOKS, chains) };
  const early = hosts !== undefined && hosts.prerouting.length > 0;
  const raw = early ? hooks.raw : withOwnSources(hooks.raw, egress, config, cache.ownSources);
  return {
    family: config.family,
    tables: new Map([
      ['raw', raw],
      ['mangle', hooks.mangle],
      ['filter', filter],
      ['nat', cache.nat.made],
    ]),
    sets: new Map([...cache.sets, ...choice.sets]),
    derived: choice.derived,
  };
}

/** The hooks' chains, with all that raw and mangle reach. */
function hooksOf(config: NodeConfig, hosts: HostRules | undefined, fixed: ConfigCache['fixed']): HookChains {
  const { filter, raw, mangle } = hookChains(config, hosts);
  const whole = ({ hooks, chains }: TableRules): TableRules => ({
    hooks,
    chains: reachable(hooks, new Map([...fixed.map(chain => [chain.name, chain] as const), ...chains])),
  });
  return { filter, raw: whole(raw), mangle: whole(mangle) };
}

/** An endpoint with its interfaces, its tiers cut into stretches. */
interface Local {
  readonly plan: EndpointPlan;
  readonly interfaces: readonly string[];
  readonly tiers: readonly { readonly plan: TierPlan; readonly segments: Segments }[];
}

function localsOf(
  direction: Direction,
  state: NodeState,
  config: NodeConfig,
  cache: ConfigCache,
): readonly Local[] {
  const { segments: cached } = cache.directions[direction];
  cached.earlier = cached.groups;
  cached.groups = new Map();
  const locals: Local[] = [];
  for (const plan of state.endpoints.values()) {
    const interfaces = config.interfacesOf(plan.key);
    if (interfaces.length === 0) continue;
    const tiers = plan.tiers[direction].map(tier => ({
      plan: tier,
      segments: segmentsOf(tier, direction, state, config.family, config.setLookups, cached),
    }));
    locals.push({ plan, interfaces, tiers });
  }
  return locals;
}

function chooseLookups(state: NodeState, config: NodeConfig, cache: ConfigCache): Choice {
  const asked = (['egress', 'ingress'] as const).flatMap(direction =>
    [...cache.directions[direction].segments.groups.values()].map(group => ({ group, direction })),
  );
  if (config.setLookups === undefined) return { plans: new Map(), sets: new Map(), derived: new Map() };
  return cache.lookups.choose(asked, state.sets, config.family, config.setLookups);
}

function addDirection(
  direction: Direction,
  locals: readonly Local[],
  choice: Choice,
  config: NodeConfig,
  cache: ConfigCache,
  chains: Map<string, Chain>,
): Chain {
  const cached = cache.directions[direction];
  const entrances = new Map<string, string>();
  for (const { plan, interfaces, tiers } of locals) {
    const asked = tiers.map(tier =>
      tierOf(tier.plan, tier.segments, direction, choice, config, cache, chains),
    );
    const made = endpointsOf(plan, direction, interfaces, asked, config, cache);
    for (const [i, chain] of made.entries()) {
      chains.set(chain.name, chain);
      entrances.set(interfaces[i] as string, chain.name);
    }
  }
  const fresh = direction === 'egress' ? fromChain(config, entrances) : toChain(entrances);
  if (cached.dispatch === undefined || !sameDispatch(cached.dispatch, fresh)) cached.dispatch = fresh;
  return cached.dispatch;
}

function sameDispatch(a: Chain, b: Chain): boolean {
  const [x, y] = [a, b].map(chain =>
    chain.rules.map(rule => rule.action).find(action => action.kind === 'dispatch'),
  );
  if (x === undefined || y === undefined) return x === y;
  return (
    x.chains.size === y.chains.size && [...y.chains].every(([name, chain]) => x.chains.get(name) === chain)
  );
}

/** One chain for each interface, in their order. */
function endpointsOf(
  plan: EndpointPlan,
  direction: Direction,
  interfaces: readonly string[],
  tiers: readonly TierChain[],
  config: NodeConfig,
  cache: ConfigCache,
): readonly Chain[] {
  const known = cache.directions[direction].endpoints.get(plan);
  if (known !== undefined && sameList(known.interfaces, interfaces) && sameList(known.of, tiers))
    return known.chains;
  const chains = interfaces.map(name =>
    endpointChain(plan, direction, name, interfaces, tiers, cache.marks, config.family),
  );
  cache.directions[direction].endpoints.set(plan, { interfaces, of: tiers, chains });
  return chains;
}

function tierOf(
  plan: TierPlan,
  segments: Segments,
  direction: Direction,
  choice: Choice,
  config: NodeConfig,
  cache: ConfigCache,
  chains: Map<string, Chain>,
): TierChain {
  const cached = cache.directions[direction];
  const parts: TierPart[] = [];
  const ask = (policy: ActivePolicy) => {
    let chain = cached.policies.get(policy);
    if (chain === undefined) cached.policies.set(policy, (chain = policyChain(policy, direction, config)));
    parts.push({ policy, chain });
    chains.set(chain.name, chain);
  };
  for (const segment of segments.list) {
    const lookups = segment.kind === 'group' ? choice.plans.get(segment.group) : undefined;
    if (lookups !== undefined) parts.push({ lookups });
    else if (segment.kind === 'group') segment.group.policies.forEach(ask);
    else ask(segment.policy);
  }
  const of = [segments, ...parts.map(part => ('lookups' in part ? part.lookups : part.chain))];
  let known = cached.tiers.get(plan);
  if (known === undefined || !sameList(known.of, of)) {
    const keys = segments.of.map(policy => (typeof policy === 'string' ? policy : policy.key));
    known = { of, result: tierChain(plan, direction, keys, parts, cache.marks, config.deniedLog) };
    cached.tiers.set(plan, known);
  }
  chains.set(known.result.chain.name, known.result.chain);
  return known.result;
}
