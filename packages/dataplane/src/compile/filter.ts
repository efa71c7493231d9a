import type { Action } from '../ir/action.ts';
import type { Match } from '../ir/match.ts';
import type { Chain, HookName, Rule } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';

/** Chains that every node has. */
export const FROM_CHAIN = 'msl-from';
export const TO_CHAIN = 'msl-to';
const POD_CHAIN = 'msl-pod';
const HOST_CHAIN = 'msl-to-host';

/** The first jump of each hook. */
export const FILTER_HOOKS: ReadonlyMap<HookName, string> = new Map([
  ['INPUT', 'msl-INPUT'],
  ['FORWARD', 'msl-FORWARD'],
  ['OUTPUT', 'msl-OUTPUT'],
]);

/**
 * Neighbour discovery and multicast listener reports from pods to their node: without them IPv6 has no link
 * (RFC 4890 §4.4.1). Conntrack leaves neighbour discovery untracked, so policy would have to allow it.
 */
const LINK_TYPES = [133, 135, 136, 131, 132, 143];

const when = (matches: readonly Match[], action: Action, comment?: string): Rule =>
  comment === undefined ? { matches, action } : { matches, action, comment };

/**
 * FORWARD: traffic of pods is accepted when established, else asked egress of its sender, then ingress of its
 * receiver; other traffic returns untouched. INPUT: a pod's egress policy holds towards its own node too.
 * OUTPUT: the node reaches its own pods (kubelet probes) whatever their policies say.
 */
export function filterChains(config: NodeConfig): readonly Chain[] {
  const name = config.workloadInterfacePrefix;
  const fromPod: Match = { kind: 'in-interface', name, wildcard: true };
  const toPod: Match = { kind: 'out-interface', name, wildcard: true };
  const known: Rule[] = [
    when([{ kind: 'conntrack', states: ['RELATED', 'ESTABLISHED'] }], { kind: 'accept' }),
    when([{ kind: 'conntrack', states: ['INVALID'] }], { kind: 'drop' }),
  ];
  const link = LINK_TYPES.map(type => when([{ kind: 'icmp', type }], { kind: 'accept' }, 'IPv6 link'));
  const host: Action = { kind: config.endpointToHostAction === 'Drop' ? 'drop' : 'accept' };
  return [
    {
      name: 'msl-FORWARD',
      rules: [
        when([fromPod], { kind: 'goto', chain: POD_CHAIN }),
        when([toPod], { kind: 'goto', chain: POD_CHAIN }),
      ],
    },
    {
      name: POD_CHAIN,
      rules: [
        ...known,
        when([fromPod], { kind: 'jump', chain: FROM_CHAIN }),
        when([toPod], { kind: 'jump', chain: TO_CHAIN }),
        when([], { kind: 'accept' }),
      ],
    },
    { name: 'msl-INPUT', rules: [when([fromPod], { kind: 'goto', chain: HOST_CHAIN })] },
    {
      name: HOST_CHAIN,
      rules: [
        ...known,
        ...(config.family === 6 ? link : []),
        when([], { kind: 'jump', chain: FROM_CHAIN }),
        ...(config.endpointToHostAction === 'Return' ? [] : [when([], host, 'endpointToHostAction')]),
      ],
    },
    { name: 'msl-OUTPUT', rules: [when([toPod], { kind: 'accept' }, 'node to its own pods')] },
  ];
}

/** Who sent it, or whom it is for; an interface that nobody knows gets nothing through. */
export function dispatchChain(name: string, by: 'in' | 'out', chains: ReadonlyMap<string, string>): Chain {
  const dispatch: Rule[] =
    chains.size === 0 ? [] : [when([], { kind: 'dispatch', by, name: `${name}-pods`, chains })];
  return { name, rules: [...dispatch, when([], { kind: 'drop' }, 'unknown interface')] };
}
