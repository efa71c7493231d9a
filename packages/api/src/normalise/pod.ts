import { type Ip, parseIp, parsePrefix } from '@muslin/net';
import type { Endpoint, HostPortFacts } from '../model/snapshot.ts';
import { finish, type Read } from './fact.ts';
import { type Field, shown } from './field.ts';
import { type Header, readHeader } from './header.ts';
import { portProtocol } from './protocol-field.ts';

/**
 * A Pod (v1) as an endpoint. A finished pod (phase Succeeded or Failed) is none, for its address may already belong to
 * another; a terminating pod stays one until it is gone. The addresses that the CNI plugin wrote
 * (`cni.projectcalico.org/podIPs`, `podIP`) win over the kubelet's report, which comes later; written empty they mean
 * that the addresses were given back.
 */
export function readPod(object: unknown): Read<Endpoint> {
  const header = readHeader(object, 'Namespaced');
  const { report, root, spec, namespace, name } = header;
  const status = root.at('status');
  const phase = status.at('phase').text();
  if (phase === 'Succeeded' || phase === 'Failed') return finish<Endpoint>(report, undefined);
  const declared = [...spec.at('initContainers').items(), ...spec.at('containers').items()]
    .flatMap(container => container.at('ports').items())
    .flatMap(readContainerPort);
  const hostNetwork = spec.at('hostNetwork').flag() ?? false;
  const hostPorts = hostNetwork ? [] : readHostPorts(spec);
  return finish(report, {
    key: `pod/${namespace}/${name}`,
    source: header.source,
    namespace,
    name,
    uid: root.at('metadata').at('uid').text() ?? '',
    node: spec.at('nodeName').text() || undefined,
    labels: header.labels,
    serviceAccount: spec.at('serviceAccountName').text() || spec.at('serviceAccount').text() || 'default',
    ips: readIps(header, status),
    ports: declared.flatMap(({ name, ...port }) => (name === '' ? [] : [{ name, ...port }])),
    hostNetwork,
    declaredPorts: declared.map(({ protocol, port }) => ({ protocol, port })),
    ...(hostPorts.length > 0 && { hostPorts }),
  });
}

function readContainerPort(field: Field) {
  const protocolName = field.at('protocol').text() ?? 'TCP';
  const protocol = portProtocol(protocolName);
  const port = field.at('containerPort').integer(1, 65535);
  if (protocol === undefined) field.at('protocol').invalid(`must be TCP, UDP or SCTP`);
  if (protocol === undefined || port === undefined) return [];
  return [{ name: field.at('name').text() ?? '', protocol, port }];
}

/** hostPort 0 is none; a hostIP of zeros is any address of the node (Pod v1 `hostPort`, `hostIP`). */
function readHostPorts(spec: Field): readonly HostPortFacts[] {
  const fields = spec
    .at('containers')
    .items()
    .flatMap(container => container.at('ports').items());
  return fields.flatMap(field => {
    const [own] = readContainerPort(field);
    const hostPort = field.at('hostPort').integer(0, 65535) ?? 0;
    const text = field.at('hostIP').text() ?? '';
    const any = text === '' || /^(0\.0\.0\.0|::)$/.test(text);
    const hostIp = any ? undefined : toIp(text, field.at('hostIP'))[0];
    if (own === undefined || hostPort === 0 || (!any && hostIp === undefined)) return [];
    return [{ protocol: own.protocol, hostPort, hostIp, port: own.port }];
  });
}

function readIps({ annotations, root }: Header, status: Field): readonly Ip[] {
  for (const key of ['cni.projectcalico.org/podIPs', 'cni.projectcalico.org/podIP']) {
    const text = annotations.get(key);
    if (text === undefined) continue;
    const parts = text.split(',').filter(part => part.trim() !== '');
    return parts.flatMap(part => toIp(part.trim(), root.at('metadata').at('annotations').at(key)));
  }
  const listed = status
    .at('podIPs')
    .items()
    .map(item => item.at('ip'));
  const fields = listed.length > 0 ? listed : [status.at('podIP')];
  return fields.flatMap(field => {
    const text = field.text();
    return text === undefined || text === '' ? [] : toIp(text, field);
  });
}

function toIp(text: string, field: Field): readonly Ip[] {
  const ip = text.includes('/') ? parsePrefix(text) : parseIp(text);
  if (ip.ok) return ['ip' in ip.value ? ip.value.ip : ip.value];
  field.unhonoured(`${shown(text)} is not an address; the pod is treated as if it did not have it`);
  return [];
}
