import type { ActiveRule } from '@muslin/api';
import { formatIp, formatPortRange, formatPrefix } from '@muslin/net';
import type { Packet, RuleTrace, Side } from '@muslin/policy';
import { protocolName } from './protocol.ts';
import { selectorWords } from './selector-words.ts';

/** Why a rule did not match a packet, in words about the packet. */
export function mismatchText(trace: RuleTrace, packet: Packet): string {
  const { failed, rule } = trace;
  switch (failed) {
    case undefined:
      return '';
    case 'family':
      return `the packet is not IPv${rule.family}`;
    case 'protocol':
      return `protocol is ${protocolName(packet.protocol)}, not ${protocolName(rule.protocol ?? 0)}`;
    case 'notProtocol':
      return `protocol ${protocolName(packet.protocol)} is excluded`;
    case 'icmp':
    case 'notIcmp':
      return failed === 'icmp' ? 'another ICMP type or code' : 'its ICMP type is excluded';
    default: {
      const [side, part] = failed.split('.') as [Side, keyof ActiveRule['source']];
      return endMismatch(rule, side, part, packet);
    }
  }
}

function endMismatch(rule: ActiveRule, side: Side, part: keyof ActiveRule['source'], packet: Packet): string {
  const match = rule[side];
  const ip = formatIp(packet[side]);
  const port = side === 'source' ? packet.sourcePort : packet.destinationPort;
  const dialled = port === undefined ? 'no port' : `port ${port}`;
  switch (part) {
    case 'nets':
      return `${side} ${ip} is not in ${few((match.nets ?? []).map(formatPrefix))}`;
    case 'notNets':
      return `${side} ${ip} is excepted by ${few((match.notNets ?? []).map(formatPrefix))}`;
    case 'inSets':
      return `${side} is not ${few((match.inSets ?? []).map(setText))}`;
    case 'notInSets':
      return `${side} is excluded by ${few((match.notInSets ?? []).map(setText))}`;
    case 'ports':
    case 'portSets':
      return `${dialled} is not ${few([...(match.ports ?? []).map(formatPortRange), ...(match.portSets ?? []).map(setText)])}`;
    case 'notPorts':
    case 'notPortSets':
      return `${dialled} is excluded`;
    default:
      return part satisfies never;
  }
}

/** `selector:…`, `named-port:tcp:http:…`, `service:shop/db` as people would say it. */
export function setText(id: string): string {
  const [kind = '', ...rest] = id.split(':');
  const text = rest.join(':');
  if (kind === 'named-port') return `a port named ${rest[1]}`;
  if (kind === 'service' || kind === 'service-addresses') return `a backend of Service ${text}`;
  if (kind === 'nodes') return text === 'all()' ? 'a node' : `a node with ${text}`;
  return kind === 'selector' ? selectorWords(text) : id;
}

function few(texts: readonly string[]): string {
  if (texts.length === 0) return 'anything (the list is empty)';
  return texts.length > 4 ? `${texts.slice(0, 4).join(', ')} or ${texts.length - 4} more` : texts.join(', ');
}
