import type { ActiveMatch, ActiveRule, IcmpMatch } from '@muslin/api';
import { formatIp, type Ip, portSetHas, prefixHas } from '@muslin/net';
import type { PolicyView } from './policy-view.ts';
import type { MatchedMember, Packet, RulePart, RuleTrace, Side } from './trace.ts';

/** A packet with what every rule asks of it worked out once. */
export interface PreparedPacket extends Packet {
  readonly ends: Readonly<Record<Side, End>>;
}

interface End {
  readonly ip: Ip;
  readonly text: string;
  readonly port: number | undefined;
}

/** Works out what rules ask of a packet. */
export function preparePacket(packet: Packet): PreparedPacket {
  const { source, destination, sourcePort, destinationPort } = packet;
  return {
    ...packet,
    ends: {
      source: { ip: source, text: formatIp(source), port: sourcePort },
      destination: { ip: destination, text: formatIp(destination), port: destinationPort },
    },
  };
}

/** Asks one rule about a packet: all of its parts must agree, the first that does not is named. */
export function matchRule(rule: ActiveRule, packet: PreparedPacket, view: PolicyView): RuleTrace {
  const members: MatchedMember[] = [];
  const failed =
    failedHeader(rule, packet) ??
    failedEnd('source', rule.source, packet, view, members) ??
    failedEnd('destination', rule.destination, packet, view, members);
  return failed === undefined ? { rule, matched: true, members } : { rule, matched: false, failed, members };
}

/** Whether one side of a packet satisfies one side of a rule. */
export function matchesEnd(
  side: Side,
  match: ActiveMatch,
  packet: PreparedPacket,
  view: PolicyView,
): boolean {
  return failedEnd(side, match, packet, view, []) === undefined;
}

function failedHeader(rule: ActiveRule, packet: PreparedPacket): RulePart | undefined {
  if (rule.family !== undefined && rule.family !== packet.source.family) return 'family';
  if (rule.protocol !== undefined && rule.protocol !== packet.protocol) return 'protocol';
  if (rule.notProtocol === packet.protocol) return 'notProtocol';
  if (rule.icmp !== undefined && !isIcmp(rule.icmp, packet)) return 'icmp';
  if (rule.notIcmp !== undefined && isIcmp(rule.notIcmp, packet)) return 'notIcmp';
  return undefined;
}

function isIcmp(match: IcmpMatch, { icmp }: Packet): boolean {
  return icmp !== undefined && icmp.type === match.type && (match.code ?? icmp.code) === icmp.code;
}

function failedEnd(
  side: Side,
  match: ActiveMatch,
  packet: PreparedPacket,
  view: PolicyView,
  members: MatchedMember[],
): RulePart | undefined {
  const end = packet.ends[side];
  const inNet = (part: RulePart) => (set: string) => found(part, set, view.netMember(set, end.ip, end.text));
  const inPorts = (part: RulePart) => (set: string) =>
    end.port !== undefined && found(part, set, view.portMember(set, end.text, packet.protocol, end.port));
  const found = (part: RulePart, set: string, member: string | undefined) => {
    if (member === undefined) return false;
    members.push({ part, set, member });
    return true;
  };
  const holds = (ports: ActiveMatch['ports']) =>
    end.port !== undefined && ports !== undefined && portSetHas(ports, end.port);

  if (match.nets !== undefined && !match.nets.some(net => prefixHas(net, end.ip))) return `${side}.nets`;
  if (match.notNets?.some(net => prefixHas(net, end.ip))) return `${side}.notNets`;
  if (match.inSets !== undefined && !match.inSets.every(inNet(`${side}.inSets`))) return `${side}.inSets`;
  if (match.notInSets?.some(inNet(`${side}.notInSets`))) return `${side}.notInSets`;
  if (match.ports !== undefined || match.portSets !== undefined) {
    if (!holds(match.ports) && !(match.portSets ?? []).some(inPorts(`${side}.portSets`)))
      return match.ports === undefined ? `${side}.portSets` : `${side}.ports`;
  }
  if (holds(match.notPorts)) return `${side}.notPorts`;
  if (match.notPortSets?.some(inPorts(`${side}.notPortSets`))) return `${side}.notPortSets`;
  return undefined;
}
