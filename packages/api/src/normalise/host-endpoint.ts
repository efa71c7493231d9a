import type { HostEndpoint, NamedPort } from '../model/snapshot.ts';
import { missing, readIp } from './address-field.ts';
import { finish, type Read } from './fact.ts';
import type { Field } from './field.ts';
import { readHeader } from './header.ts';
import { readProtocol } from './protocol-field.ts';

/**
 * A HostEndpoint (projectcalico.org/v3): interfaces of a node behind labels. Profiles other than
 * `projectcalico-default-allow`, `kns.<namespace>` and `ksa.<namespace>.<account>` exist in no Kubernetes cluster, so
 * they allow nothing.
 */
export function readHostEndpoint(object: unknown): Read<HostEndpoint> {
  const { report, spec, source, name, labels } = readHeader(object, 'Cluster');
  const node = spec.at('node').text() || spec.at('node').invalid('must name a node') || '';
  const interfaceName = spec.at('interfaceName').text() || undefined;
  if (interfaceName !== undefined && !isInterface(interfaceName))
    spec.at('interfaceName').invalid('must be * or the name of an interface, at most 15 characters');
  const ips = spec
    .at('expectedIPs')
    .items()
    .flatMap(item => readIp(item) ?? missing(item));
  if (interfaceName === undefined && ips.length === 0)
    spec.at('interfaceName').invalid('or expectedIPs must be given');
  const profiles = spec
    .at('profiles')
    .items()
    .flatMap(item => readProfile(item) ?? []);
  return finish(report, {
    key: `host/${node}/${name}`,
    source,
    name,
    node,
    labels,
    interfaceName,
    ips,
    ports: spec.at('ports').items().flatMap(readPort),
    profiles,
  });
}

/** As the kernel takes names (`dev_valid_name`); what rules can't quote is refused. */
function isInterface(name: string): boolean {
  return name === '*' || (/^[A-Za-z0-9_.:@=%-]{1,15}$/.test(name) && name !== '.' && name !== '..');
}

function readProfile(item: Field): string | undefined {
  const name = item.text();
  if (name === undefined) return undefined;
  if (name !== 'projectcalico-default-allow' && !/^(kns|ksa)\./.test(name))
    item.warn('is no profile of a Kubernetes cluster, so it allows nothing');
  return name;
}

function readPort(field: Field): readonly NamedPort[] {
  const name = field.at('name').text();
  const protocol = readProtocol(field.at('protocol'));
  const port = field.at('port').integer(1, 65535);
  if (!name) field.at('name').invalid('must be given');
  if (!field.at('protocol').present) field.at('protocol').invalid('must be TCP, UDP or SCTP');
  if (!field.at('port').present) field.at('port').invalid('must be a number from 1 to 65535');
  return !name || protocol === undefined || port === undefined ? [] : [{ name, protocol, port }];
}
