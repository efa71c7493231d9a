import type { EndpointPlan } from '@muslin/api';
import type { Chain, TableRules } from '../ir/ruleset.ts';
import { sameList } from './cache.ts';
import type { NodeConfig } from './config.ts';
import { ownSourceChain, ownSources } from './raw.ts';

/** What `withOwnSources` remembers. */
export interface OwnSourceCache {
  readonly chains: WeakMap<EndpointPlan, { readonly of: readonly string[]; readonly made: readonly Own[] }>;
  last: { readonly of: readonly unknown[]; readonly made: TableRules } | undefined;
}

/** An interface and its chain. */
type Own = readonly [name: string, chain: Chain];

/** An endpoint with its interfaces. */
interface Local {
  readonly plan: EndpointPlan;
  readonly interfaces: readonly string[];
}

/**
 * Puts the short cut for packets that come from an endpoint's own address before the check of the routes, the last rule of
 * raw PREROUTING; what it passes is asked nothing more, so where host endpoints have rules behind that check it is left out.
 */
export function withOwnSources(
  raw: TableRules,
  locals: readonly Local[],
  config: NodeConfig,
  cache: OwnSourceCache,
): TableRules {
  const hook = raw.chains.get(raw.hooks.get('PREROUTING') ?? '');
  const forged = hook?.rules.at(-1);
  const own = locals.flatMap(local => chainsOf(local, config, cache));
  if (hook === undefined || forged === undefined || own.length === 0) return raw;
  const of = [raw, ...own];
  if (cache.last !== undefined && sameList(cache.last.of, of)) return cache.last.made;
  const entrances = new Map(own.map(([name, chain]) => [name, chain.name]));
  const rules = [...hook.rules.slice(0, -1), ownSources(entrances), forged];
  const chains = new Map(raw.chains).set(hook.name, { name: hook.name, rules });
  for (const [, chain] of own) chains.set(chain.name, chain);
  const made = { hooks: raw.hooks, chains };
  cache.last = { of, made };
  return made;
}

function chainsOf(
  { plan, interfaces }: Local,
  config: NodeConfig,
  { chains }: OwnSourceCache,
): readonly Own[] {
  const known = chains.get(plan);
  if (known !== undefined && sameList(known.of, interfaces)) return known.made;
  const own = plan.ips.filter(ip => ip.family === config.family);
  const made = own.length === 0 ? [] : interfaces.map((name): Own => [name, ownSourceChain(own, name)]);
  chains.set(plan, { of: interfaces, made });
  return made;
}
