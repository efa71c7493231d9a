import type { Chain, TableRules } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';

/**
 * What a pod sends from an address that is not routed to it is dropped before connection tracking sees it.
 * The address check in a pod's egress chain is not enough: established connections don't get there, and a
 * forged DNS answer to a neighbour belongs to one.
 */
export function rawRules(config: NodeConfig): TableRules {
  const chain: Chain = {
    name: 'msl-PREROUTING',
    rules: [
      {
        matches: [
          { kind: 'in-interface', name: config.workloadInterfacePrefix, wildcard: true },
          { kind: 'reverse-path', not: true },
        ],
        action: { kind: 'drop' },
        comment: 'forged source',
      },
    ],
  };
  return { hooks: new Map([['PREROUTING', chain.name]]), chains: new Map([[chain.name, chain]]) };
}
