import type { PortMatch } from '../model/policy.ts';
import type { Field } from './field.ts';
import { type ProtocolPorts, readPortName } from './kubernetes-ports.ts';
import { PORT_PROTOCOLS, portProtocol } from './protocol-field.ts';

/** What a rule says about protocols; `whole` is false when a part can't be honoured and the rule must fail closed. */
export interface ClusterPorts {
  readonly protocols: readonly ProtocolPorts[];
  readonly whole: boolean;
}

const ANY: ClusterPorts = { protocols: [{}], whole: true };

/** `protocols` of a ClusterNetworkPolicy rule (v1alpha2); absent: any traffic. */
export function readClusterProtocols(list: Field): ClusterPorts {
  return list.present ? gather(list.items().map(readProtocolItem)) : ANY;
}

/** `ports` of an AdminNetworkPolicy rule (v1alpha1); absent: any traffic. */
export function readAdminPorts(list: Field): ClusterPorts {
  return list.present ? gather(list.items().map(readPortItem)) : ANY;
}

function gather(items: readonly (readonly ProtocolPorts[] | undefined)[]): ClusterPorts {
  return { protocols: items.flatMap(item => item ?? []), whole: !items.includes(undefined) };
}

function readProtocolItem(item: Field): readonly ProtocolPorts[] | undefined {
  const kinds = item.keys();
  if (kinds.length > 1) return item.invalid('must have exactly one field');
  const [kind] = kinds;
  if (kind === 'destinationNamedPort') return named(item.at(kind));
  const protocol = kind === undefined ? undefined : portProtocol(kind.toUpperCase());
  if (kind === undefined || protocol === undefined) return unknown(item, kind);
  const port = item.at(kind).at('destinationPort');
  if (!port.present) return [{ protocol }];
  const range = port.at('range');
  const number = port.at('number').integer(1, 65535);
  if (range.present === (number !== undefined)) return port.invalid('must have either number or range');
  const match = range.present ? readRange(range) : number && { first: number, last: number };
  return match ? [{ protocol, ports: [match] }] : undefined;
}

function readPortItem(item: Field): readonly ProtocolPorts[] | undefined {
  const kinds = item.keys();
  if (kinds.length > 1) return item.invalid('must have exactly one field');
  const [kind] = kinds;
  if (kind === 'namedPort') return named(item.at(kind));
  if (kind !== 'portNumber' && kind !== 'portRange') return unknown(item, kind);
  const field = item.at(kind);
  const protocol = portProtocol(field.at('protocol').text() ?? 'TCP');
  if (protocol === undefined) return field.at('protocol').invalid('must be TCP, UDP or SCTP');
  if (kind === 'portRange') {
    const range = readRange(field);
    return range && [{ protocol, ports: [range] }];
  }
  const port = field.at('port').integer(1, 65535);
  return port === undefined
    ? field.at('port').invalid('must be a port number')
    : [{ protocol, ports: [{ first: port, last: port }] }];
}

function readRange(range: Field): PortMatch | undefined {
  const first = range.at('start').integer(1, 65535);
  const last = range.at('end').integer(1, 65535);
  if (first === undefined || last === undefined || first >= last)
    return range.invalid('must have a start that is less than its end');
  return { first, last };
}

/** A named port may be of any protocol: each pod says which. */
function named(field: Field): readonly ProtocolPorts[] {
  const name = readPortName(field);
  return PORT_PROTOCOLS.map(protocol => ({ protocol, ports: [{ name }] }));
}

function unknown(item: Field, kind: string | undefined): undefined {
  return item.unhonoured(
    `${kind ?? 'an empty item'} is not supported; a rule that allows matches nothing with it, others deny all`,
  );
}
