import { parseIp } from '@muslin/net';
import { finish, type Read, type SliceFacts } from './fact.ts';
import type { Field } from './field.ts';
import { readHeader } from './header.ts';
import { portProtocol } from './protocol-field.ts';

/**
 * An EndpointSlice (discovery.k8s.io/v1): every address with every port. One without `kubernetes.io/service-name`, or
 * of addressType FQDN, says nothing here. `conditions.ready` that is absent counts as ready.
 */
export function readEndpointSlice(object: unknown): Read<SliceFacts> {
  const { report, root, namespace } = readHeader(object, 'Namespaced');
  const service = root.at('metadata').at('labels').at('kubernetes.io/service-name').text();
  if (!service || root.at('addressType').text() === 'FQDN') return finish<SliceFacts>(report, undefined);
  const ports = root.at('ports').items().flatMap(readPort);
  const backends = root
    .at('endpoints')
    .items()
    .flatMap(endpoint => {
      const ready = endpoint.at('conditions').at('ready').flag() ?? true;
      return endpoint
        .at('addresses')
        .items()
        .flatMap(readAddress)
        .flatMap(ip => ports.map(port => ({ ip, ...port, ready })));
    });
  return finish(report, { service: `${namespace}/${service}`, backends });
}

function readPort(field: Field) {
  const protocol = portProtocol(field.at('protocol').text() ?? 'TCP');
  const port = field.at('port').integer(1, 65535);
  if (protocol === undefined) field.at('protocol').invalid('must be TCP, UDP or SCTP');
  if (protocol === undefined || port === undefined) return [];
  return [{ protocol, port, portName: field.at('name').text() ?? '' }];
}

function readAddress(field: Field) {
  const ip = parseIp(field.text() ?? '');
  if (!ip.ok) field.invalid(ip.fault.message);
  return ip.ok ? [ip.value] : [];
}
