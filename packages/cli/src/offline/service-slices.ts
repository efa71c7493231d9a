import { isIPv6 } from 'node:net';
import { listAt, recordAt, textAt, valueAt } from '../files/json.ts';
import type { RawObject } from '../files/load.ts';
import { isPod, namespaceOf } from './namespaces.ts';

/**
 * Adds the EndpointSlices that the cluster would make for Services with a selector, where the files hold none for
 * them: one for each pod that it selects, with the numbers that its port names mean there (Service v1 targetPort).
 * All such pods count as ready.
 */
export function withServiceSlices(objects: readonly RawObject[]): readonly RawObject[] {
  const sliced = new Set(
    objects
      .filter(object => object.kind === 'EndpointSlice')
      .map(
        slice => `${namespaceOf(slice)}/${textAt(slice, 'metadata', 'labels', 'kubernetes.io/service-name')}`,
      ),
  );
  const pods = objects.filter(isPod);
  const added = objects
    .filter(object => object.kind === 'Service' && object.apiVersion === 'v1')
    .filter(service => !sliced.has(`${namespaceOf(service)}/${service.metadata.name}`))
    .flatMap(service => pods.filter(pod => selects(service, pod)).flatMap(pod => slicesFor(service, pod)));
  return [...objects, ...added];
}

function selects(service: RawObject, pod: RawObject): boolean {
  const wanted = Object.entries(recordAt(service, 'spec', 'selector'));
  const labels = recordAt(pod, 'metadata', 'labels');
  return (
    wanted.length > 0 &&
    namespaceOf(service) === namespaceOf(pod) &&
    wanted.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)
  );
}

function slicesFor(service: RawObject, pod: RawObject): readonly RawObject[] {
  const ports = listAt(service, 'spec', 'ports').flatMap(port => {
    const number = targetOf(port, pod);
    return number === undefined
      ? []
      : [{ name: textAt(port, 'name') ?? '', protocol: textAt(port, 'protocol') ?? 'TCP', port: number }];
  });
  const ips = listAt(pod, 'status', 'podIPs').flatMap(ip => textAt(ip, 'ip') ?? []);
  const listed = ips.length > 0 ? ips : [textAt(pod, 'status', 'podIP') ?? []].flat();
  return listed.map(ip => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service.metadata.name}-${pod.metadata.name}-${ip.replace(/[^0-9a-f]/g, '-')}`,
      namespace: namespaceOf(service),
      labels: { 'kubernetes.io/service-name': service.metadata.name },
    },
    addressType: isIPv6(ip) ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [ip], conditions: { ready: true } }],
    ports,
  }));
}

/** `targetPort`: a number, a name that the pod's containers give, or when absent the Service's own port. */
function targetOf(port: unknown, pod: RawObject): number | undefined {
  const target = valueAt(port, 'targetPort') ?? valueAt(port, 'port');
  if (typeof target === 'number') return target;
  const protocol = textAt(port, 'protocol') ?? 'TCP';
  const containers = [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')];
  const named = containers
    .flatMap(container => listAt(container, 'ports'))
    .find(p => textAt(p, 'name') === target && (textAt(p, 'protocol') ?? 'TCP') === protocol);
  const number = valueAt(named, 'containerPort');
  return typeof number === 'number' ? number : undefined;
}
