import type { Action } from '../ir/action.ts';
import type { Match } from '../ir/match.ts';
import type { Chain, HookName, Rule } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';
import type { HostRules } from './hosts.ts';
import { serviceLoopRules } from './service-loop.ts';

/** Chains that every node has. */
const FROM_CHAIN = 'msl-from';
const TO_CHAIN = 'msl-to';
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
 * OUTPUT: the node reaches its own pods (kubelet probes) whatever their policies say. Host endpoints are asked about
 * all the rest.
 */
export function filterChains(config: NodeConfig, hosts: HostRules | undefined): readonly Chain[] {
  const name = config.workloadInterfacePrefix;
  const fromPod: Match = { kind: 'in-interface', name, wildcard: true };
  const toPod: Match = { kind: 'out-interface', name, wildcard: true };
  const known: Match = { kind: 'conntrack', states: ['RELATED', 'ESTABLISHED'] };
  const unknown: Match = { kind: 'conntrack', states: ['INVALID'] };
  const invalid = when([unknown], { kind: 'drop' });
  const link = LINK_TYPES.map(type => when([{ kind: 'icmp', type }], { kind: 'accept' }, 'IPv6 link'));
  const established = (pods: Match) => when([pods, known], { kind: 'accept' });
  const ask = (pods: Match) => when([pods], { kind: 'goto', chain: POD_CHAIN });
  const asked = [
    when([fromPod], { kind: 'jump', chain: FROM_CHAIN }),
    when([toPod], { kind: 'jump', chain: TO_CHAIN }),
  ];
  const host: Action = { kind: config.endpointToHostAction === 'Drop' ? 'drop' : 'accept' };
  const between = [...(hosts?.forward ?? []), ...serviceLoopRules(config)];
  return [
    {
      name: 'msl-FORWARD',
      // Most packets are of established connections: they meet the fewest rules.
      rules:
        between.length === 0
          ? [fromPod, toPod].flatMap(pods => [established(pods), ask(pods)])
          : [established(fromPod), established(toPod), ...between, ask(fromPod), ask(toPod)],
      // The state costs a test of bits, the name of an interface a copy of it.
      inOrder: [
        when([known, fromPod], { kind: 'accept' }),
        when([known, toPod], { kind: 'accept' }),
        ...between,
        when([unknown, fromPod], { kind: 'drop' }),
        when([unknown, toPod], { kind: 'drop' }),
        ...asked,
        when([fromPod], { kind: 'accept' }),
        when([toPod], { kind: 'accept' }),
      ],
    },
    {
      name: POD_CHAIN,
      rules: [invalid, ...asked, when([], { kind: 'accept' })],
    },
    {
      name: 'msl-INPUT',
      rules: [when([fromPod], { kind: 'goto', chain: HOST_CHAIN }), ...(hosts?.input ?? [])],
    },
    {
      name: HOST_CHAIN,
      rules: [
        when([known], { kind: 'accept' }),
        invalid,
        ...(config.family === 6 ? link : []),
        when([], { kind: 'jump', chain: FROM_CHAIN }),
        ...(config.endpointToHostAction === 'Return' ? [] : [when([], host, 'endpointToHostAction')]),
      ],
    },
    {
      name: 'msl-OUTPUT',
      rules: [when([toPod], { kind: 'accept' }, 'node to its own pods'), ...(hosts?.output ?? [])],
    },
  ];
}

/**
 * What a pod could smuggle past every policy: a node that decapsulates takes the inner packet for one from
 * another node (RFC 7348 §7).
 */
function tunnelRules(config: NodeConfig): readonly Rule[] {
  const rules: Rule[] = [];
  const { vxlanPort: port } = config;
  if (port !== undefined && !config.allowVxlanFromPods) {
    const toVtep: Match = { kind: 'destination-ports', ports: [{ first: port, last: port }] };
    rules.push(when([{ kind: 'protocol', protocol: 17 }, toVtep], { kind: 'drop' }, 'VXLAN from a pod'));
  }
  if (!config.allowIpipFromPods && config.family === 4)
    rules.push(when([{ kind: 'protocol', protocol: 4 }], { kind: 'drop' }, 'IP in IP from a pod'));
  return rules;
}

/** Who sent it: an interface that nobody knows gets nothing through. */
export function fromChain(config: NodeConfig, chains: ReadonlyMap<string, string>): Chain {
  return { name: FROM_CHAIN, rules: [...tunnelRules(config), ...dispatchRules(FROM_CHAIN, 'in', chains)] };
}

/** Whom it is for: an interface that nobody knows gets nothing. */
export function toChain(chains: ReadonlyMap<string, string>): Chain {
  return { name: TO_CHAIN, rules: dispatchRules(TO_CHAIN, 'out', chains) };
}

function dispatchRules(name: string, by: 'in' | 'out', chains: ReadonlyMap<string, string>): readonly Rule[] {
  const unknown = when([], { kind: 'drop' }, 'unknown interface');
  return chains.size === 0
    ? [unknown]
    : [when([], { kind: 'dispatch', by, name: `${name}-pods`, chains }), unknown];
}
