import type { Chain, HookName, Rule, TableRules } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';
import { filterChains } from './filter.ts';
import type { HostRules } from './hosts.ts';
import { foreignIpip, foreignVxlan, forgedSource } from './raw.ts';

/** What the hooks of the tables begin with. */
export interface HookChains {
  readonly filter: readonly Chain[];
  readonly raw: TableRules;
  readonly mangle: TableRules;
}

/** Joins what all nodes have with what host endpoints add; without any the mangle table is empty. */
export function hookChains(config: NodeConfig, hosts: HostRules | undefined): HookChains {
  const chains = hosts?.chains ?? new Map<string, Chain>();
  return {
    filter: filterChains(config, hosts),
    raw: tableOf(chains, [
      [
        'PREROUTING',
        'msl-PREROUTING',
        [...foreignVxlan(config), ...foreignIpip(config), forgedSource(config), ...(hosts?.prerouting ?? [])],
      ],
      ['OUTPUT', 'msl-raw-OUTPUT', hosts?.rawOutput ?? []],
    ]),
    mangle: tableOf(chains, [
      ['PREROUTING', 'msl-pre-dnat', hosts?.preDnat ?? []],
      ['POSTROUTING', 'msl-post-dnat', hosts?.postrouting ?? []],
    ]),
  };
}

/** A hook without rules is left alone. */
function tableOf(
  chains: ReadonlyMap<string, Chain>,
  hooks: readonly (readonly [hook: HookName, chain: string, rules: readonly Rule[]])[],
): TableRules {
  const used = hooks.filter(([, , rules]) => rules.length > 0);
  return {
    hooks: new Map(used.map(([hook, chain]) => [hook, chain])),
    chains: new Map([...chains, ...used.map(([, name, rules]) => [name, { name, rules }] as const)]),
  };
}
