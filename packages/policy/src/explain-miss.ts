import type { ActiveMatch, ActiveRule, IcmpMatch, SetId } from '@muslin/api';
import { formatIp, formatPortRange, formatPrefix, type PortSet, type Prefix } from '@muslin/net';
import { protocolName } from './protocol-name.ts';
import type { MatchedMember, Packet, RulePart, Side } from './trace.ts';

/** Says why a rule's part did not match: what the packet has and what the rule asks for. */
export function explainMiss(
  rule: ActiveRule,
  part: RulePart,
  packet: Packet,
  members: readonly MatchedMember[],
): string {
  switch (part) {
    case 'family':
      return `the packet is IPv${packet.source.family}, the rule is for IPv${rule.family}`;
    case 'protocol':
      return `the packet is ${protocolName(packet.protocol)}, the rule is for ${protocolName(rule.protocol ?? 0)}`;
    case 'notProtocol':
      return `the rule leaves out ${protocolName(packet.protocol)}`;
    case 'icmp':
      return `the rule is for ICMP ${icmpText(rule.icmp)}`;
    case 'notIcmp':
      return `the rule leaves out ICMP ${icmpText(rule.notIcmp)}`;
    default: {
      const dot = part.indexOf('.');
      const side = part.slice(0, dot) as Side;
      const name = part.slice(dot + 1) as keyof ActiveMatch;
      const member = members.find(found => found.part === part)?.member;
      return endText(side, name, rule[side], packet, member);
    }
  }
}

function endText(
  side: Side,
  name: keyof ActiveMatch,
  match: ActiveMatch,
  packet: Packet,
  member: string | undefined,
): string {
  const address = `${side} ${formatIp(packet[side])}`;
  const number = side === 'source' ? packet.sourcePort : packet.destinationPort;
  const port = number === undefined ? `the ${side} port is not known` : `${side} port ${number}`;
  switch (name) {
    case 'nets':
      return `${address} is not in ${netsText(match.nets)}`;
    case 'notNets':
      return `${address} is excepted by ${netsText(match.notNets)}`;
    case 'inSets':
      return `${address} is not selected by ${setsText(match.inSets)}`;
    case 'notInSets':
      return `${address} is left out as ${member ?? setsText(match.notInSets)}`;
    case 'ports':
    case 'portSets':
      return `${port} is not ${portsText(match)}`;
    case 'notPorts':
      return `${port} is left out by ${rangesText(match.notPorts)}`;
    case 'notPortSets':
      return `${port} is left out as ${member ?? setsText(match.notPortSets)}`;
  }
}

function portsText({ ports, portSets }: ActiveMatch): string {
  const sets = (portSets ?? []).map(setText);
  if (ports !== undefined && (ports.length > 0 || sets.length === 0)) sets.unshift(rangesText(ports));
  return sets.join(' or ');
}

const list = (texts: readonly string[]): string => (texts.length === 0 ? 'an empty list' : texts.join(', '));
const netsText = (nets: readonly Prefix[] = []): string => list(nets.map(formatPrefix));
const rangesText = (ports: PortSet = []): string => list(ports.map(formatPortRange));
const setsText = (sets: readonly SetId[] = []): string => sets.map(setText).join(' and ');

/** A set's id says what it means: see `setIdOf`. */
function setText(set: SetId): string {
  const [kind, ...rest] = set.split(':');
  if (kind === 'service') return `an address and port of Service ${rest.join(':')}`;
  if (kind === 'service-addresses') return `Service ${rest.join(':')}`;
  if (kind === 'nodes') return `nodes with ${rest.join(':')}`;
  if (kind !== 'named-port') return rest.join(':');
  const [, name, ...selector] = rest;
  return `a port named ${name} of the pods with ${selector.join(':')}`;
}

function icmpText(icmp: IcmpMatch | undefined): string {
  const code = icmp?.code === undefined ? '' : ` code ${icmp.code}`;
  return `type ${icmp?.type ?? '?'}${code}`;
}
