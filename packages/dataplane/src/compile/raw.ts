import type { Rule } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';

/**
 * What a pod sends from an address that is not routed to it is dropped before connection tracking sees it.
 * The address check in a pod's egress chain is not enough: established connections don't get there, and a
 * forged DNS answer to a neighbour belongs to one.
 */
export function forgedSource(config: NodeConfig): Rule {
  return {
    matches: [
      { kind: 'in-interface', name: config.workloadInterfacePrefix, wildcard: true },
      { kind: 'reverse-path', not: true },
    ],
    action: { kind: 'drop' },
    comment: 'forged source',
  };
}
