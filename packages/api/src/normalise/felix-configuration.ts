import { felixFault } from '../kinds/felix/support.ts';
import type { FailsafePort, FelixFacts } from '../model/snapshot.ts';
import { readPrefix } from './address-field.ts';
import { finish, type Read } from './fact.ts';
import type { Field } from './field.ts';
import { readHeader } from './header.ts';
import { portProtocol } from './protocol-field.ts';
import { readSelector } from './selector-field.ts';

/**
 * The part of a FelixConfiguration (projectcalico.org/v3) that decides about connections: failsafe ports, and tunnels of pods. Fields that change
 * nothing are told, each with the reason.
 */
export function readFelixConfiguration(object: unknown): Read<FelixFacts> {
  const { report, spec, name } = readHeader(object, 'Cluster');
  for (const field of spec.keys()) {
    const fault = felixFault(field, spec.at(field).value);
    if (fault !== undefined) spec.at(field).warn(fault);
  }
  return finish(report, {
    name,
    nodeSelector: readSelector(spec.at('nodeSelector')),
    failsafeInbound: readPorts(spec.at('failsafeInboundHostPorts')),
    failsafeOutbound: readPorts(spec.at('failsafeOutboundHostPorts')),
    ...told('ipipFromPods', flag(spec.at('allowIPIPPacketsFromWorkloads'))),
    ...told('vxlanFromPods', flag(spec.at('allowVXLANPacketsFromWorkloads'))),
    ...told('vxlanPort', portNumber(spec.at('vxlanPort'))),
  });
}

const told = <K extends string, V>(key: K, value: V | undefined) =>
  value === undefined ? {} : ({ [key]: value } as Record<K, V>);

const flag = ({ value }: Field) => (typeof value === 'boolean' ? value : undefined);

/** As the agent reads it: what is none says nothing, whatever else the configuration asks for. */
const portNumber = ({ value }: Field) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535 ? value : undefined;

/** Absent: the defaults. An empty list is a choice: no failsafe ports. */
function readPorts(list: Field): readonly FailsafePort[] | undefined {
  return list.present ? list.items().flatMap(readPort) : undefined;
}

/** One that can't be read makes the whole configuration absent: what a wider one says, or the defaults, then hold. */
function readPort(field: Field): readonly FailsafePort[] {
  const protocol = portProtocol((field.at('protocol').text() || 'TCP').toUpperCase());
  const port = field.at('port').integer(1, 65535);
  const net = readPrefix(field.at('net'), { bareHost: true });
  if (protocol === undefined) field.at('protocol').invalid('must be tcp, udp or sctp');
  if (!field.at('port').present) field.at('port').invalid('must be a number from 1 to 65535');
  return protocol === undefined || port === undefined ? [] : [{ protocol, port, net }];
}
