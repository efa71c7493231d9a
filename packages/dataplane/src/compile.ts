import type { ActivePolicy, Direction, EndpointPlan, NodeState, PolicyKey, TierPlan } from '@muslin/api';
import { type ConfigCache, cacheOf, sameList } from './compile/cache.ts';
import type { NodeConfig } from './compile/config.ts';
import { endpointChain } from './compile/endpoint-chain.ts';
import { FILTER_HOOKS, fromChain, toChain } from './compile/filter.ts';
import { policyChain } from './compile/policy-chains.ts';
import { type PolicyWithChain, type TierChain, tierChain } from './compile/tier-chain.ts';
import { type Chain, reachable, type Ruleset, type TableName } from './ir/ruleset.ts';

/** The tables that `compile` writes to, always all of them: whoever reads back must read these. */
export const COMPILED_TABLES: readonly TableName[] = ['raw', 'filter', 'nat'];

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
  const from = addDirection('egress', state, config, cache, chains);
  const to = addDirection('ingress', state, config, cache, chains);
  chains.set(from.name, from);
  chains.set(to.name, to);
  const filter = { hooks: FILTER_HOOKS, chains: reachable(FILTER_HOOKS, chains) };
  return {
    family: config.family,
    tables: new Map([
      ['raw', cache.raw],
      ['filter', filter],
      ['nat', cache.nat],
    ]),
    sets: cache.sets,
  };
}

function addDirection(
  direction: Direction,
  state: NodeState,
  config: NodeConfig,
  cache: ConfigCache,
  chains: Map<string, Chain>,
): Chain {
  const cached = cache.directions[direction];
  const entrances = new Map<string, string>();
  for (const plan of state.endpoints.values()) {
    const interfaceName = config.interfaceOf(plan.key);
    if (interfaceName === undefined) continue;
    const tiers = plan.tiers[direction].map(tier => tierOf(tier, direction, state, config, cache, chains));
    const chain = endpointOf(plan, direction, interfaceName, tiers, config, cache);
    chains.set(chain.name, chain);
    entrances.set(interfaceName, chain.name);
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

function endpointOf(
  plan: EndpointPlan,
  direction: Direction,
  interfaceName: string,
  tiers: readonly TierChain[],
  config: NodeConfig,
  cache: ConfigCache,
): Chain {
  const known = cache.directions[direction].endpoints.get(plan);
  if (known?.interfaceName === interfaceName && sameList(known.of, tiers)) return known.chain;
  const chain = endpointChain(plan, direction, interfaceName, tiers, cache.marks, config.family);
  cache.directions[direction].endpoints.set(plan, { interfaceName, of: tiers, chain });
  return chain;
}

function tierOf(
  plan: TierPlan,
  direction: Direction,
  state: NodeState,
  config: NodeConfig,
  cache: ConfigCache,
  chains: Map<string, Chain>,
): TierChain {
  const cached = cache.directions[direction];
  const policies: PolicyWithChain[] = [];
  for (const key of plan.policies) {
    const policy = state.policies.get(key) ?? absent(key);
    if (policy.staged) continue;
    let chain = cached.policies.get(policy);
    if (chain === undefined) cached.policies.set(policy, (chain = policyChain(policy, direction, config)));
    policies.push({ policy, chain });
    chains.set(chain.name, chain);
  }
  const of = policies.map(policy => policy.chain);
  let known = cached.tiers.get(plan);
  if (known === undefined || !sameList(known.of, of)) {
    known = { of, result: tierChain(plan, direction, policies, cache.marks) };
    cached.tiers.set(plan, known);
  }
  chains.set(known.result.chain.name, known.result.chain);
  return known.result;
}

/** A policy that is named but not there has no rules: its tier's end still applies. */
function absent(key: PolicyKey): ActivePolicy {
  return { key, source: { kind: '', name: key }, ingress: [], egress: [], staged: false };
}
