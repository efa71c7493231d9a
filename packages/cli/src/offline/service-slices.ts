import { isIPv6 } from 'node:net';
import { listAt, recordAt, textAt, valueAt } from '../files/json.ts';
import type { RawObject } from '../files/load.ts';
import { isPod, namespaceOf } from './namespaces.ts';

/**
 * Adds the EndpointSlices that the cluster would make for Services, where the files hold none for them. Of one with a
 * selector: one for each pod that it selects, with the numbers that its port names mean there (Service v1 targetPort);
 * all such pods count as ready. Of one without: what the Endpoints of its name say.
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
  const services = objects.filter(object => object.kind === 'Service' && object.apiVersion === 'v1');
  const withoutSelector = new Set(
    services.filter(service => Object.keys(recordAt(service, 'spec', 'selector')).length === 0).map(keyOf),
  );
  const added = services
    .filter(service => !sliced.has(keyOf(service)))
    .flatMap(service => pods.filter(pod => selects(service, pod)).flatMap(pod => slicesFor(service, pod)));
  const mirrored = objects
    .filter(object => object.kind === 'Endpoints' && object.apiVersion === 'v1')
    .filter(endpoints => !sliced.has(keyOf(endpoints)))
    .filter(endpoints => withoutSelector.has(keyOf(endpoints)))
    .flatMap(mirrorOf);
  return [...objects, ...added, ...mirrored];
}

const keyOf = (object: RawObject) => `${namespaceOf(object)}/${object.metadata.name}`;

/** The slices that the cluster makes of Endpoints that people keep by hand (v1 Endpoints; EndpointSlice mirroring). */
function mirrorOf(endpoints: RawObject): readonly RawObject[] {
  return listAt(endpoints, 'subsets').flatMap((subset, i) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap(part =>
      listAt(subset, part).flatMap(address => {
        const ip = textAt(address, 'ip');
        return ip === undefined
          ? []
          : [sliceOf(endpoints, `${i}`, ip, listAt(subset, 'ports'), part === 'addresses')];
      }),
    ),
  );
}

function sliceOf(
  service: RawObject,
  of: string,
  ip: string,
  ports: readonly unknown[],
  ready: boolean,
): RawObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service.metadata.name}-${of}-${ip.replace(/[^0-9a-f]/g, '-')}`,
      namespace: namespaceOf(service),
      labels: { 'kubernetes.io/service-name': service.metadata.name ?? '' },
    },
    addressType: isIPv6(ip) ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [ip], conditions: { ready } }],
    ports,
  };
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
  return listed.map(ip => sliceOf(service, pod.metadata.name ?? '', ip, ports, true));
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
