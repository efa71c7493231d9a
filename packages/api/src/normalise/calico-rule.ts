import { type Family, familyOf } from '@muslin/net';
import type { Direction, IcmpMatch, PeerMatch, PolicyRule } from '../model/policy.ts';
import { ENTITY_FIELDS, netsOf, readEntity } from './calico-entity.ts';
import { withoutUndefined } from './fact.ts';
import type { Field } from './field.ts';
import { PORT_PROTOCOLS, readProtocol } from './protocol-field.ts';

const ICMP_FAMILY: ReadonlyMap<number, Family> = new Map([
  [1, 4],
  [58, 6],
]);

/** All that can be said of a rule. */
const RULE_FIELDS = [
  'action',
  'ipVersion',
  'protocol',
  'notProtocol',
  'icmp',
  'notICMP',
  'source',
  'destination',
  'http',
  'metadata',
];

/**
 * A Calico rule (projectcalico.org/v3 Rule). One with `http` never matches: there is no proxy that would look
 * inside the connection, and allowing more than was written would be wrong.
 *
 * @param namespace of the policy; undefined for a global one.
 */
export function readCalicoRule(
  rule: Field,
  direction: Direction,
  namespace: string | undefined,
): readonly PolicyRule[] {
  const action = rule.at('action').oneOf(['Allow', 'Deny', 'Log', 'Pass']);
  const source = readEntity(rule.at('source'), namespace);
  const destination = readEntity(rule.at('destination'), namespace);
  const protocol = readProtocol(rule.at('protocol'));
  const notProtocol = readProtocol(rule.at('notProtocol'));
  const family = readFamily(rule, protocol, source, destination);
  const icmp = readIcmp(rule.at('icmp'), protocol);
  const notIcmp = readIcmp(rule.at('notICMP'), protocol);
  checkPorts(rule, protocol);
  checkServices(rule, direction);
  if (action === undefined) {
    if (!rule.at('action').present) rule.at('action').invalid('must be Allow, Deny, Log or Pass');
    return [];
  }
  if (rule.at('http').present) {
    if (action !== 'Allow' || direction !== 'ingress' || (protocol ?? 6) !== 6)
      rule.at('http').invalid('is only for ingress rules that allow TCP');
    else rule.at('http').unhonoured('is not supported; the rule matches nothing');
    return [];
  }
  const strange = [
    rule.strange(RULE_FIELDS),
    rule.at('source').strange(ENTITY_FIELDS),
    rule.at('destination').strange(ENTITY_FIELDS),
  ];
  if (action !== 'Deny' && strange.includes(true)) return [];
  return [
    withoutUndefined<PolicyRule>({
      action,
      family,
      protocol,
      notProtocol,
      icmp,
      notIcmp,
      source,
      destination,
      path: rule.path,
    }),
  ];
}

/**
 * ipVersion, which must agree with every address and with ICMP's family. A rule that only excepts addresses speaks of their
 * family too, as Calico reads it: "not from 10.0.0.0/8" says nothing of IPv6 (one family per rule).
 */
function readFamily(
  rule: Field,
  protocol: number | undefined,
  ...sides: readonly PeerMatch[]
): Family | undefined {
  const written = rule.at('ipVersion').number();
  if (written !== undefined && written !== 4 && written !== 6)
    return rule.at('ipVersion').invalid('must be 4 or 6');
  const found = new Set<Family>(sides.flatMap(netsOf).map(familyOf));
  if (written !== undefined) found.add(written);
  const ofIcmp = ICMP_FAMILY.get(protocol ?? 0);
  if (ofIcmp !== undefined) found.add(ofIcmp);
  if (found.size > 1)
    return rule.invalid('mixes IPv4 and IPv6: nothing would match; write one rule for each');
  const [family] = found;
  return sides.some(side => side.notNets !== undefined) ? family : written;
}

function readIcmp(field: Field, protocol: number | undefined): IcmpMatch | undefined {
  const type = field.at('type').integer(0, 254);
  const code = field.at('code').integer(0, 255);
  if (!field.present) return undefined;
  if (!ICMP_FAMILY.has(protocol ?? 0)) return field.invalid('needs protocol ICMP or ICMPv6');
  if (type === undefined) return code === undefined ? undefined : field.at('code').invalid('needs a type');
  return code === undefined ? { type } : { type, code };
}

function checkPorts(rule: Field, protocol: number | undefined): void {
  if (protocol !== undefined && PORT_PROTOCOLS.includes(protocol)) return;
  for (const side of ['source', 'destination']) {
    for (const part of ['ports', 'notPorts']) {
      const field = rule.at(side).at(part);
      if (field.items().length > 0) field.invalid('need protocol TCP, UDP or SCTP');
    }
  }
}

function checkServices(rule: Field, direction: Direction): void {
  const wrong = rule.at(direction === 'ingress' ? 'destination' : 'source').at('services');
  if (wrong.present) wrong.invalid('may only be the source of ingress or the destination of egress');
}
