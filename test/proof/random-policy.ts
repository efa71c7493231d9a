import { formatPrefix, mustIp, mustPrefix, prefix, widthOf } from '@muslin/net';
import type { Dice } from './dice.ts';
import { LABELS, NAMESPACE_LABELS, NAMESPACES, PORT_NAMES, PORTS } from './population.ts';

/** A policy as it is written: of networking.k8s.io/v1 or projectcalico.org/v3. */
export interface WrittenPolicy {
  readonly apiVersion: 'networking.k8s.io/v1' | 'projectcalico.org/v3';
  readonly kind: 'NetworkPolicy' | 'GlobalNetworkPolicy';
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: object;
}

/** A set of policies with every feature that NetworkPolicy has, about these addresses. */
export function randomPolicies(dice: Dice, addresses: readonly string[]): readonly WrittenPolicy[] {
  const all = dice.times(1, 8, i => randomPolicy(dice, addresses, `np-${i % 4}`));
  return [...new Map(all.map(p => [`${p.metadata.namespace}/${p.metadata.name}`, p])).values()];
}

function randomPolicy(dice: Dice, addresses: readonly string[], name: string): WrittenPolicy {
  const rules = (peers: 'from' | 'to') => dice.times(0, 3, () => rule(dice, addresses, peers));
  const policyTypes = dice.pick([undefined, undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']]);
  const { apiVersion, kind } = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' } as const;
  return {
    apiVersion,
    kind,
    metadata: { name, namespace: dice.pick(NAMESPACES) },
    spec: {
      podSelector: dice.chance(0.25) ? {} : selector(dice, LABELS),
      ...(policyTypes !== undefined && { policyTypes }),
      ...(dice.chance(0.7) && { ingress: rules('from') }),
      ...(dice.chance(0.5) && { egress: rules('to') }),
    },
  };
}

function rule(dice: Dice, addresses: readonly string[], peers: 'from' | 'to'): object {
  return {
    ...(dice.chance(0.8) && {
      [peers]: dice.times(dice.chance(0.1) ? 0 : 1, 3, () => peer(dice, addresses)),
    }),
    ...(dice.chance(0.6) && { ports: dice.times(dice.chance(0.1) ? 0 : 1, 3, () => port(dice)) }),
  };
}

function peer(dice: Dice, addresses: readonly string[]): object {
  switch (dice.below(4)) {
    case 0:
      return { podSelector: dice.chance(0.2) ? {} : selector(dice, LABELS) };
    case 1:
      return { namespaceSelector: dice.chance(0.2) ? {} : selector(dice, NAMESPACE_LABELS) };
    case 2:
      return {
        namespaceSelector: dice.chance(0.2) ? {} : selector(dice, NAMESPACE_LABELS),
        podSelector: dice.chance(0.2) ? {} : selector(dice, LABELS),
      };
    default:
      return { ipBlock: ipBlock(dice, addresses) };
  }
}

/** A block around some address of the lab, and exceptions inside it around others. */
function ipBlock(dice: Dice, addresses: readonly string[]): object {
  const length = dice.pick([0, 1, 8, 16, 24, 26, 28, 31, 32]);
  const centre = dice.pick(addresses);
  const cidr = network(centre, length);
  const inside = addresses.filter(ip => network(ip, length) === cidr);
  const except = dice
    .times(0, 3, () => network(dice.pick(inside), Math.min(32, length + 1 + dice.below(12))))
    // The API refuses an exception that is the whole block.
    .filter(net => net !== cidr && mustPrefix(net).length > mustPrefix(cidr).length);
  return { cidr, ...(except.length > 0 && { except: [...new Set(except)] }) };
}

/** The prefix of this length around an address; of an IPv6 address the one that is four times as long. */
export function network(ip: string, length: number): string {
  const address = mustIp(ip);
  const bits = length * (widthOf(address.family) / 32);
  return formatPrefix(prefix(address, bits));
}

function port(dice: Dice): object {
  const protocol = dice.pick([undefined, 'TCP', 'UDP', 'UDP', 'SCTP']);
  const base = protocol === undefined ? {} : { protocol };
  switch (dice.below(4)) {
    case 0:
      return { protocol: protocol ?? 'TCP' };
    case 1:
      return { ...base, port: dice.pick(PORT_NAMES) };
    case 2: {
      const first = dice.pick([1, 50, 80, 81, 5000, 8079, 8080]);
      return { ...base, port: first, endPort: first + dice.pick([0, 1, 30, 500, 4000, 50_000]) };
    }
    default:
      return { ...base, port: dice.pick(PORTS).port };
  }
}

function selector(dice: Dice, labels: Readonly<Record<string, readonly string[]>>): object {
  const keys = [...Object.keys(labels), 'nobody/has'];
  const values = (key: string) => labels[key] ?? ['x'];
  const matchLabels = Object.fromEntries(
    dice.times(0, 1, () => dice.pick(Object.keys(labels))).map(key => [key, dice.pick(values(key))]),
  );
  const matchExpressions = dice.times(0, 2, () => {
    const key = dice.pick(keys);
    const operator = dice.pick(['In', 'In', 'NotIn', 'Exists', 'DoesNotExist']);
    const listed = operator === 'In' || operator === 'NotIn';
    return { key, operator, ...(listed && { values: dice.times(1, 2, () => dice.pick(values(key))) }) };
  });
  return {
    ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
    ...(matchExpressions.length > 0 && { matchExpressions }),
  };
}
