import type { ActivePolicy, ActiveRule, EndpointPlan, MemberSet, NodeState, SetId } from '@muslin/api';
import { formatIp, type Ip, ip4, mustPrefix, portSet } from '@muslin/net';
import { NODE_CONFIG_DEFAULTS, type NodeConfig, workloadInterfaceName } from '../src/index.ts';

/** How much a node has to enforce. */
export interface Size {
  /** Pods of the node. */
  readonly pods: number;
  /** Policies that each pod is selected by. */
  readonly policies: number;
  /** Pods that share their policies. */
  readonly sharing: number;
  /** Members of each of the sets that policies look into: pods of other nodes. */
  readonly members: number;
}

/** What a policy's last rules let through: what the traffic of the bench is. */
export const OPEN_PORT = 5201;
const RULES = 5;
const SETS = 200;

const podKey = (i: number) => `pod/ns/pod-${i}`;
/** The address of a pod of the node. */
export const podIp = (i: number): Ip => ip4(0x0a010000 + i + 1);
/** The host side of a pod's veth. */
export const podInterface = (i: number): string => workloadInterfaceName('ns', `pod-${i}`);

/** The policies of a group of pods, all of which end in a rule for TCP and one for UDP from the first pod. */
function policyOf(group: number, n: number, size: Size, shift: number): ActivePolicy {
  const key = `knp/ns/policy-${group}-${n}`;
  const last = n === size.policies - 1;
  const rule = (i: number): ActiveRule => {
    const open = last && i >= RULES - 2;
    const port = open ? OPEN_PORT : 1000 + ((group * 31 + n * 7 + i * 3 + shift) % 4000);
    const second = open ? [] : [{ first: port + 4000, last: port + 4000 }];
    const set = open ? 'client' : `set ${(group * 13 + n * RULES + i) % SETS}`;
    return {
      action: 'Allow',
      protocol: open && i === RULES - 1 ? 17 : 6,
      source: { inSets: [set] },
      destination: { ports: portSet([{ first: port, last: port }, ...second]) },
      path: `spec.ingress[${i}]`,
    };
  };
  const ingress = Array.from({ length: RULES }, (_, i) => rule(i));
  const egress = ingress.map(({ source, destination, ...rest }) => ({
    ...rest,
    source: {},
    destination: { ...source, ...destination },
  }));
  return { key, source: { kind: 'NetworkPolicy', name: key }, ingress, egress, staged: false };
}

/** Sets of pods of other nodes. */
export function setsOf(size: Size): ReadonlyMap<SetId, MemberSet> {
  const sets = new Map<SetId, MemberSet>([
    ['client', { kind: 'net', members: new Set([`${formatIp(podIp(0))}/32`]) }],
  ]);
  for (let s = 0; s < SETS; s++) {
    const members = new Set<string>();
    for (let i = 0; i < size.members; i++) members.add(`${formatIp(ip4(0x0a400000 + s * 4096 + i))}/32`);
    sets.set(`set ${s}`, { kind: 'net', members });
  }
  return sets;
}

/**
 * A node whose pods have policies in the directions given. The traffic of the bench (pod 0 to another) meets the
 * last two rules of the last policy and nothing before: the worst case for whoever asks in order.
 */
export function fullNode(size: Size, directions: readonly ('ingress' | 'egress')[]): NodeState {
  const policies = new Map<string, ActivePolicy>();
  const endpoints = new Map<string, EndpointPlan>();
  for (let i = 0; i < size.pods; i++) {
    const group = Math.floor(i / size.sharing);
    const keys: string[] = [];
    for (let n = 0; n < size.policies; n++) {
      const policy = policyOf(group, n, size, 0);
      keys.push(policy.key);
      if (!policies.has(policy.key)) policies.set(policy.key, policy);
    }
    const tier = [{ tier: 'default', policies: keys, defaultAction: 'Deny' as const }];
    endpoints.set(podKey(i), {
      key: podKey(i),
      namespace: 'ns',
      name: `pod-${i}`,
      ips: [podIp(i)],
      tiers: {
        ingress: directions.includes('ingress') ? tier : [],
        egress: directions.includes('egress') ? tier : [],
      },
    });
  }
  return { endpoints, policies, sets: setsOf(size) };
}

/** The same node after one policy of its first group got other ports. */
export function withChangedPolicy(state: NodeState, size: Size, shift: number): NodeState {
  const changed = policyOf(0, 3 % size.policies, size, shift);
  return { ...state, policies: new Map(state.policies).set(changed.key, changed) };
}

/** The node's configuration; one object per use, since compiled chains are kept with it. */
export function nodeConfig(setLookups: NodeConfig['setLookups']): NodeConfig {
  return {
    ...NODE_CONFIG_DEFAULTS,
    family: 4,
    pools: [{ cidr: mustPrefix('10.0.0.0/8'), natOutgoing: false }],
    setLookups,
    interfacesOf: key => [podInterface(Number(key.slice(key.lastIndexOf('-') + 1)))],
  };
}
