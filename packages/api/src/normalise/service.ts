import { type Ip, parseIp } from '@muslin/net';
import type { ServiceFacts } from '../model/snapshot.ts';
import { finish, type Read } from './fact.ts';
import type { Field } from './field.ts';
import { readHeader } from './header.ts';
import { portProtocol } from './protocol-field.ts';

/** A Service (v1) without backends; the store adds those of its EndpointSlices. */
export function readService(object: unknown): Read<ServiceFacts> {
  const { report, root, spec, namespace, name } = readHeader(object, 'Namespaced');
  const listed = spec.at('clusterIPs').items();
  const balancers = root.at('status').at('loadBalancer').at('ingress').items();
  const outsideIps = [...spec.at('externalIPs').items(), ...balancers.map(each => each.at('ip'))].flatMap(
    readClusterIp,
  );
  const externalName = spec.at('type').text() === 'ExternalName' ? spec.at('externalName').text() : undefined;
  return finish(report, {
    key: `${namespace}/${name}`,
    ...(outsideIps.length > 0 && { outsideIps }),
    ...(spec.at('externalTrafficPolicy').text() === 'Local' && { keepsClient: true as const }),
    ...(externalName && { externalName }),
    clusterIps: (listed.length > 0 ? listed : [spec.at('clusterIP')]).flatMap(readClusterIp),
    ports: spec.at('ports').items().flatMap(readServicePort),
    backends: [],
  });
}

function readClusterIp(field: Field): readonly Ip[] {
  const text = field.text() ?? '';
  if (text === '' || text === 'None') return [];
  const ip = parseIp(text);
  if (!ip.ok) field.invalid(ip.fault.message);
  return ip.ok ? [ip.value] : [];
}

function readServicePort(field: Field): ServiceFacts['ports'] {
  const protocol = portProtocol(field.at('protocol').text() ?? 'TCP');
  const port = field.at('port').integer(1, 65535);
  if (protocol === undefined) field.at('protocol').invalid('must be TCP, UDP or SCTP');
  if (protocol === undefined || port === undefined) return [];
  const nodePort = field.at('nodePort').integer(0, 65535);
  return [{ name: field.at('name').text() ?? '', protocol, port, ...(nodePort && { nodePort }) }];
}
