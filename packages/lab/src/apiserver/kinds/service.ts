import { formatIp, offsetIp, parseIp, parsePrefix, prefixHas, prefixSize } from '@muslin/net';
import { fieldDuplicate, fieldInvalid, fieldRequired, fieldUnsupported } from '../field-error.ts';
import { at, type Json, listAt, objectAt, textAt, withField } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import { listBy, listOf, shape, withDefault } from '../schema/shape.ts';
import type { Cause } from '../status.ts';
import { conditions, objectSchema } from './common-schema.ts';
import { AGE_COLUMN, builtIn, NAME_COLUMN, type Surroundings } from './kind.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const NODE_PORTS = { first: 30000, count: 2768 };

const servicePort = shape({
  name: 'string',
  protocol: withDefault({ type: 'string' }, 'TCP'),
  appProtocol: 'string',
  'port!': 'int32',
  targetPort: 'intOrString',
  nodePort: 'int32',
});

/** Service v1. Cluster addresses come from the server's service CIDR, node ports from 30000–32767. */
export const service = builtIn({
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  nameRule: 'label1035',
  hasStatus: true,
  selectable: {
    'spec.clusterIP': object => textAt(object, 'spec', 'clusterIP'),
    'spec.type': object => textAt(object, 'spec', 'type'),
  },
  schema: objectSchema('Service is a named abstraction of software service.', {
    spec: shape({
      ports: listBy(['port', 'protocol'], servicePort),
      selector: {
        type: 'object',
        additionalProperties: { type: 'string' },
        'x-kubernetes-map-type': 'atomic',
      },
      clusterIP: 'string',
      clusterIPs: 'string[]',
      type: withDefault({ type: 'string' }, 'ClusterIP'),
      externalIPs: 'string[]',
      sessionAffinity: withDefault({ type: 'string' }, 'None'),
      loadBalancerIP: 'string',
      loadBalancerSourceRanges: 'string[]',
      externalName: 'string',
      externalTrafficPolicy: 'string',
      healthCheckNodePort: 'int32',
      publishNotReadyAddresses: 'bool',
      sessionAffinityConfig: shape({ clientIP: shape({ timeoutSeconds: 'int32' }) }),
      ipFamilies: 'string[]',
      ipFamilyPolicy: 'string',
      allocateLoadBalancerNodePorts: 'bool',
      loadBalancerClass: 'string',
      internalTrafficPolicy: 'string',
      trafficDistribution: 'string',
    }),
    status: shape({
      loadBalancer: shape({
        ingress: listOf(
          shape({
            ip: 'string',
            hostname: 'string',
            ipMode: 'string',
            ports: listOf(shape({ 'port!': 'int32', 'protocol!': 'string', error: 'string' })),
          }),
        ),
      }),
      conditions,
    }),
  }),
  columns: [
    NAME_COLUMN,
    { name: 'Type', type: 'string', read: object => textAt(object, 'spec', 'type') },
    { name: 'Cluster-IP', type: 'string', read: object => textAt(object, 'spec', 'clusterIP') || '<none>' },
    { name: 'External-IP', type: 'string', read: externalText },
    { name: 'Port(s)', type: 'string', read: portsText },
    AGE_COLUMN,
    { name: 'Selector', type: 'string', priority: 1, read: selectorText },
  ],
  strategy: {
    create: (object, surroundings) =>
      allocate({ ...object, status: { loadBalancer: {} } }, undefined, surroundings),
    update: (next, old, surroundings) => allocate(next, old, surroundings),
    complete,
    validate,
    validateUpdate,
  },
});

function complete(object: KubeObject): KubeObject {
  const spec = objectAt(object, 'spec');
  const type = textAt(spec, 'type');
  const external = type === 'NodePort' || type === 'LoadBalancer';
  const filled: Record<string, Json> = {
    ...(spec['ports'] === undefined
      ? {}
      : {
          ports: listAt(spec, 'ports').map(port => ({
            ...objectAt(port),
            targetPort: at(port, 'targetPort') ?? at(port, 'port') ?? 0,
          })),
        }),
    ...(type === 'ExternalName' ? {} : { internalTrafficPolicy: spec['internalTrafficPolicy'] ?? 'Cluster' }),
    ...(external ? { externalTrafficPolicy: spec['externalTrafficPolicy'] ?? 'Cluster' } : {}),
    ...(type === 'LoadBalancer'
      ? { allocateLoadBalancerNodePorts: spec['allocateLoadBalancerNodePorts'] ?? true }
      : {}),
    ...(spec['sessionAffinity'] === 'ClientIP'
      ? { sessionAffinityConfig: spec['sessionAffinityConfig'] ?? { clientIP: { timeoutSeconds: 10800 } } }
      : {}),
  };
  return { ...object, spec: { ...spec, ...filled } };
}

/** Gives the service its cluster address and node ports; an update keeps those that it has. */
function allocate(object: KubeObject, old: KubeObject | undefined, surroundings: Surroundings): KubeObject {
  const spec = objectAt(object, 'spec');
  const type = textAt(spec, 'type');
  if (type === 'ExternalName') {
    const { clusterIP: _ip, clusterIPs: _ips, ...rest } = spec;
    return { ...object, spec: rest };
  }
  const others = surroundings.list('/services').filter(item => item.metadata.uid !== object.metadata.uid);
  const asked = textAt(spec, 'clusterIP') || String(listAt(spec, 'clusterIPs')[0] ?? '');
  const kept = textAt(old, 'spec', 'clusterIP');
  const ip = asked || kept || freeAddress(surroundings, others);
  const family = ip.includes(':') ? 'IPv6' : 'IPv4';
  let next = withField(object, ['spec'], {
    ...spec,
    clusterIP: ip,
    clusterIPs: listAt(spec, 'clusterIPs').length > 0 ? listAt(spec, 'clusterIPs') : [ip],
    ipFamilies: spec['ipFamilies'] ?? [
      ip === 'None' && surroundings.serviceCidr.includes(':') ? 'IPv6' : family,
    ],
    ipFamilyPolicy: spec['ipFamilyPolicy'] ?? 'SingleStack',
  });
  const wantsPorts =
    type === 'NodePort' || (type === 'LoadBalancer' && at(spec, 'allocateLoadBalancerNodePorts') !== false);
  if (wantsPorts) {
    const used = new Set(
      others.flatMap(item => listAt(item, 'spec', 'ports').map(port => at(port, 'nodePort'))),
    );
    const ports = listAt(spec, 'ports').map((port, i) => {
      const before = at(listAt(old, 'spec', 'ports')[i], 'nodePort');
      const nodePort = at(port, 'nodePort') ?? before ?? freePort(surroundings, used);
      used.add(nodePort);
      return { ...objectAt(port), nodePort };
    });
    next = withField(next, ['spec', 'ports'], ports);
  }
  return { ...next, metadata: object.metadata };
}

function freeAddress(surroundings: Surroundings, others: readonly KubeObject[]): string {
  const cidr = parsePrefix(surroundings.serviceCidr);
  if (!cidr.ok) return '';
  const used = new Set(others.flatMap(item => listAt(item, 'spec', 'clusterIPs')));
  // The first address is the network's, the second is the API server's own service; v4's last is broadcast.
  const size = Math.min(prefixSize(cidr.value), 2 ** 20) - 3;
  const start = Math.floor(surroundings.random() * size);
  for (let i = 0; i < size; i++) {
    const text = formatIp(offsetIp(cidr.value.ip, 2 + ((start + i) % size)));
    if (!used.has(text)) return text;
  }
  return '';
}

function freePort(surroundings: Surroundings, used: ReadonlySet<Json | undefined>): number {
  const start = Math.floor(surroundings.random() * NODE_PORTS.count);
  for (let i = 0; i < NODE_PORTS.count; i++) {
    const port = NODE_PORTS.first + ((start + i) % NODE_PORTS.count);
    if (!used.has(port)) return port;
  }
  return 0;
}

function validate(object: KubeObject, surroundings: Surroundings): readonly Cause[] {
  const spec = objectAt(object, 'spec');
  const causes: Cause[] = [];
  const [type, ip] = [textAt(spec, 'type'), textAt(spec, 'clusterIP')];
  const ports = listAt(spec, 'ports');
  if (!TYPES.includes(type)) causes.push(fieldUnsupported('spec.type', type, TYPES));
  if (ports.length === 0 && ip !== 'None' && type !== 'ExternalName')
    causes.push(fieldRequired('spec.ports'));
  if (type === 'ExternalName' && textAt(spec, 'externalName') === '')
    causes.push(fieldRequired('spec.externalName'));
  if (ip !== '' && ip !== 'None') causes.push(...checkClusterIp(object, ip, surroundings));
  const names = new Set<string>();
  ports.forEach((port, i) => {
    const path = `spec.ports[${i}]`;
    const name = textAt(port, 'name');
    if (name === '' && ports.length > 1) causes.push(fieldRequired(`${path}.name`));
    if (name !== '' && names.has(name)) causes.push(fieldDuplicate(`${path}.name`, name));
    names.add(name);
    const number = at(port, 'port');
    if (typeof number !== 'number' || number < 1 || number > 65535) {
      causes.push(fieldInvalid(`${path}.port`, number ?? 0, 'must be between 1 and 65535, inclusive'));
    }
    const protocol = textAt(port, 'protocol');
    if (!['TCP', 'UDP', 'SCTP'].includes(protocol)) {
      causes.push(fieldUnsupported(`${path}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']));
    }
  });
  return causes;
}

function checkClusterIp(object: KubeObject, text: string, surroundings: Surroundings): readonly Cause[] {
  const ip = parseIp(text);
  if (!ip.ok)
    return [
      fieldInvalid(
        'spec.clusterIPs[0]',
        text,
        'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ),
    ];
  const cidr = parsePrefix(surroundings.serviceCidr);
  if (cidr.ok && cidr.value.ip.family === ip.value.family && !prefixHas(cidr.value, ip.value)) {
    const why = `failed to allocate IP ${text}: the provided IP (${text}) is not in the valid range. The range of valid IPs is ${surroundings.serviceCidr}`;
    return [fieldInvalid('spec.clusterIPs', [text], why)];
  }
  const taken = surroundings
    .list('/services')
    .some(
      item => item.metadata.uid !== object.metadata.uid && listAt(item, 'spec', 'clusterIPs').includes(text),
    );
  return taken
    ? [
        fieldInvalid(
          'spec.clusterIPs',
          [text],
          `failed to allocate IP ${text}: provided IP is already allocated`,
        ),
      ]
    : [];
}

function validateUpdate(next: KubeObject, old: KubeObject): readonly Cause[] {
  const [now, before] = [textAt(next, 'spec', 'clusterIP'), textAt(old, 'spec', 'clusterIP')];
  const leaving =
    textAt(next, 'spec', 'type') === 'ExternalName' || textAt(old, 'spec', 'type') === 'ExternalName';
  if (now === before || leaving || before === '') return [];
  return [fieldInvalid('spec.clusterIPs[0]', listAt(next, 'spec', 'clusterIPs'), 'may not change once set')];
}

function externalText(object: KubeObject): string {
  const type = textAt(object, 'spec', 'type');
  if (type === 'ExternalName') return textAt(object, 'spec', 'externalName');
  const ingress = listAt(object, 'status', 'loadBalancer', 'ingress').map(
    item => textAt(item, 'ip') || textAt(item, 'hostname'),
  );
  const all = [...ingress, ...listAt(object, 'spec', 'externalIPs').map(String)];
  if (all.length > 0) return all.join(',');
  return type === 'LoadBalancer' ? '<pending>' : '<none>';
}

function portsText(object: KubeObject): string {
  const texts = listAt(object, 'spec', 'ports').map(port => {
    const node = at(port, 'nodePort');
    return `${String(at(port, 'port'))}${node === undefined ? '' : `:${String(node)}`}/${textAt(port, 'protocol')}`;
  });
  return texts.length === 0 ? '<none>' : texts.join(',');
}

function selectorText(object: KubeObject): string {
  const pairs = Object.entries(objectAt(object, 'spec', 'selector')).map(
    ([key, value]) => `${key}=${String(value)}`,
  );
  return pairs.length === 0 ? '<none>' : pairs.sort().join(',');
}
