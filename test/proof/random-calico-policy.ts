import type { Dice } from './dice.ts';
import { LABELS, NAMESPACES, PORTS } from './population.ts';
import { network, type WrittenPolicy } from './random-policy.ts';

/** Tiers that stand before and behind `default`, one that closes and one that does not. */
export const TIERS = [
  { name: 'security', order: 100, defaultAction: 'Pass' },
  { name: 'strict', order: 200, defaultAction: 'Deny' },
  { name: 'late', order: 2_000_000, defaultAction: 'Deny' },
].map(({ name, ...spec }) => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'Tier',
  metadata: { name },
  spec,
}));

/** Sets of addresses that selectors find beside pods: one in a namespace, one for all. */
export function networkSets(addresses: readonly string[]): readonly object[] {
  const apiVersion = 'projectcalico.org/v3';
  const nets = (from: number) => addresses.filter((_, i) => i % 3 === from).map(ip => network(ip, 31));
  return [
    {
      apiVersion,
      kind: 'NetworkSet',
      metadata: { name: 'some', namespace: 'red', labels: { app: 'web' } },
      spec: { nets: [...new Set(nets(0))] },
    },
    {
      apiVersion,
      kind: 'GlobalNetworkSet',
      metadata: { name: 'others', labels: { app: 'api', tier: 'back' } },
      spec: { nets: [...new Set(nets(1))] },
    },
  ];
}

/** When host endpoints ask a policy besides for what is their node's own. */
const EARLY = [{}, {}, { applyOnForward: true }, { applyOnForward: true, preDNAT: true }];
const UNTRACKED = { applyOnForward: true, doNotTrack: true };

/**
 * Policies of Calico's two kinds: tiers, order, Deny, Pass and Log, exclusions, every protocol.
 *
 * @param untracked whether some are doNotTrack: nothing translates what they let through, nor knows its answers.
 */
export function randomCalicoPolicies(
  dice: Dice,
  addresses: readonly string[],
  untracked = false,
): readonly WrittenPolicy[] {
  const early = untracked ? [...EARLY, UNTRACKED, UNTRACKED] : EARLY;
  const all = dice.times(0, 4, i => randomPolicy(dice, addresses, `cp-${i % 3}`, early));
  const place = ({ kind, metadata }: WrittenPolicy) => `${kind} ${metadata.namespace} ${metadata.name}`;
  return [...new Map(all.map(policy => [place(policy), policy])).values()];
}

/** For all host endpoints and pods and by protocol alone, so that many packets meet it. */
export function broadPolicy(dice: Dice): WrittenPolicy {
  const which = [{}, { protocol: 'TCP' }, { protocol: 'UDP' }, { protocol: 'SCTP' }, { notProtocol: 'TCP' }];
  const actions = ['Allow', 'Allow', 'Allow', 'Deny', 'Pass'];
  const rules = () => dice.times(1, 2, () => ({ action: dice.pick(actions), ...dice.pick(which) }));
  const early = dice.pick([UNTRACKED, UNTRACKED, UNTRACKED, UNTRACKED, ...EARLY]);
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'GlobalNetworkPolicy',
    metadata: { name: 'broad' },
    spec: {
      ...(dice.chance(0.5) && { tier: 'security' }),
      ...early,
      ingress: rules(),
      ...(!('preDNAT' in early) && dice.chance(0.7) && { egress: rules() }),
    },
  };
}

function randomPolicy(
  dice: Dice,
  addresses: readonly string[],
  name: string,
  early: readonly object[],
): WrittenPolicy {
  const global = dice.chance(0.5);
  const hosts = global ? dice.pick(early) : {};
  const ingressOnly = 'preDNAT' in hosts;
  const rules = () => dice.times(0, 4, () => rule(dice, addresses));
  const types = dice.pick([undefined, undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']]);
  const tier = dice.pick([undefined, 'default', 'security', 'strict', 'late']);
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: global ? 'GlobalNetworkPolicy' : 'NetworkPolicy',
    metadata: global ? { name } : { name, namespace: dice.pick(NAMESPACES) },
    spec: {
      ...(tier !== undefined && { tier }),
      ...(dice.chance(0.7) && { order: dice.pick([1, 10, 10, 1000]) }),
      ...(dice.chance(0.8) && { selector: selector(dice) }),
      ...(global && dice.chance(0.4) && { namespaceSelector: dice.pick(NAMESPACE_SELECTORS) }),
      ...hosts,
      ...(types !== undefined && !ingressOnly && { types }),
      ...(dice.chance(0.7) && { ingress: rules() }),
      ...(dice.chance(0.5) && !ingressOnly && { egress: rules() }),
    },
  };
}

const PROTOCOLS = ['TCP', 'TCP', 'UDP', 6, 'SCTP', 132, 'UDPLite', 47, 89, 4] as const;
const PORTED: ReadonlySet<unknown> = new Set(['TCP', 'UDP', 'SCTP', 6, 132]);
const ICMP = {
  4: { protocol: 'ICMP', types: [8, 8, 13, 0, 3] },
  6: { protocol: 'ICMPv6', types: [128, 128, 129, 1] },
};

function rule(dice: Dice, all: readonly string[]): object {
  // Addresses of both families in one rule make it invalid.
  const version = dice.pick([4, 6] as const);
  const family = dice.chance(0.8) ? version : undefined;
  const addresses = family === undefined ? all : all.filter(ip => ip.includes(':') === (family === 6));
  const found =
    family !== undefined && addresses.length > 0 && dice.chance(0.25) ? icmp(dice, family) : undefined;
  const protocol = dice.pick([undefined, undefined, ...PROTOCOLS]);
  const plain =
    protocol === undefined
      ? dice.chance(0.2) && { notProtocol: dice.pick(['UDP', 'TCP', 'ICMP', 'SCTP', 47]) }
      : { protocol };
  const ported = found === undefined && PORTED.has(protocol);
  return {
    action: dice.pick(['Allow', 'Allow', 'Allow', 'Deny', 'Pass', 'Log']),
    ...(found ?? plain),
    ...(dice.chance(0.1) && { ipVersion: version }),
    ...(dice.chance(0.6) && { source: entity(dice, addresses, ported && dice.chance(0.2)) }),
    ...(dice.chance(0.7) && { destination: entity(dice, addresses, ported) }),
  };
}

/** ICMP of a family: all of it, one type, one code, or all but that. */
function icmp(dice: Dice, family: 4 | 6): object {
  const { protocol, types } = ICMP[family];
  const one = () => ({ type: dice.pick(types), ...(dice.chance(0.4) && { code: dice.pick([0, 0, 4]) }) });
  return {
    protocol,
    ...(dice.chance(0.5) && { icmp: one() }),
    ...(dice.chance(0.4) && { notICMP: one() }),
  };
}

function entity(dice: Dice, addresses: readonly string[], ported: boolean): object {
  const nets = () =>
    dice.times(1, 3, () => network(dice.pick(addresses), dice.pick([0, 8, 16, 24, 26, 31, 32])));
  const ports = () => dice.times(1, 3, () => port(dice));
  return {
    ...(dice.chance(0.4) && { selector: selector(dice) }),
    ...(dice.chance(0.2) && { notSelector: selector(dice) }),
    ...(dice.chance(0.3) && { namespaceSelector: dice.pick([...NAMESPACE_SELECTORS, 'global()']) }),
    ...(dice.chance(0.2) && { nets: nets() }),
    ...(dice.chance(0.15) && { notNets: nets().filter(net => !net.endsWith('/0')) }),
    ...(ported && dice.chance(0.5) && { ports: ports() }),
    ...(ported && dice.chance(0.2) && { notPorts: ports() }),
  };
}

function port(dice: Dice): number | string {
  const number = dice.pick(PORTS).port;
  return dice.pick([number, `${number - 5}:${number + 3000}`, 'http', 'dns', 'absent']);
}

function selector(dice: Dice): string {
  const key = dice.pick(Object.keys(LABELS));
  const values = LABELS[key] ?? [];
  const name = `${key}`;
  const value = dice.pick(values);
  const one = dice.pick([
    'all()',
    `${name} == '${value}'`,
    `${name} != '${value}'`,
    `has(${name})`,
    `!has(${name})`,
    `${name} in { '${values.join("', '")}' }`,
    `${name} not in { '${value}' }`,
    `${name} starts with '${value.slice(0, 1)}'`,
    `${name} contains 'b'`,
    `projectcalico.org/namespace == '${dice.pick(NAMESPACES)}'`,
  ]);
  return dice.chance(0.2) ? `(${one}) ${dice.pick(['&&', '||'])} ${selector(dice)}` : one;
}

const NAMESPACE_SELECTORS = [
  'all()',
  "team == 'one'",
  "team != 'one'",
  "has(env) && env == 'prod'",
  "kubernetes.io/metadata.name in { 'red', 'blue' }",
];
