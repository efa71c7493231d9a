import { type Ip, parseIp } from '@muslin/net';

/** What the world must know about a Service (v1) to send it packets. */
export interface ServiceRouteFacts {
  readonly clusterIps: readonly Ip[];
  readonly externalIps: readonly Ip[];
  /** `status.loadBalancer.ingress`. */
  readonly loadBalancerIps: readonly Ip[];
  /** `externalTrafficPolicy: Local`: only nodes with an endpoint may take its packets. */
  readonly local: boolean;
}

/** An endpoint of a Service, by the node that it is on (discovery.k8s.io/v1 Endpoint). */
export interface ServiceEndpoint {
  readonly node: string | undefined;
  /** Absent counts as ready. */
  readonly ready: boolean;
  /** It still answers, though it may be on its way out. */
  readonly serving: boolean;
}

interface Raw {
  readonly [field: string]: unknown;
}

const part = (value: unknown): Raw => (typeof value === 'object' && value !== null ? (value as Raw) : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function readIps(values: readonly unknown[]): readonly Ip[] {
  return values.flatMap(value => {
    const ip = parseIp(String(value));
    return ip.ok ? [ip.value] : [];
  });
}

/** Reads a Service. Total: what can't be read counts as not there. */
export function readServiceRoutes(object: Raw): ServiceRouteFacts {
  const spec = part(object['spec']);
  const ingress = list(part(part(object['status'])['loadBalancer'])['ingress']);
  const clusterIps = list(spec['clusterIPs']);
  return {
    clusterIps: readIps(clusterIps.length > 0 ? clusterIps : [spec['clusterIP']]),
    externalIps: readIps(list(spec['externalIPs'])),
    loadBalancerIps: spec['type'] === 'LoadBalancer' ? readIps(ingress.map(item => part(item)['ip'])) : [],
    local: spec['externalTrafficPolicy'] === 'Local',
  };
}

/** Reads an EndpointSlice; undefined when it belongs to no Service. */
export function readServiceEndpoints(
  object: Raw,
): { readonly service: string; readonly endpoints: readonly ServiceEndpoint[] } | undefined {
  const metadata = part(object['metadata']);
  const name = part(metadata['labels'])['kubernetes.io/service-name'];
  if (typeof name !== 'string' || name === '') return undefined;
  const endpoints = list(object['endpoints']).map(item => {
    const { conditions, nodeName } = part(item);
    const { ready = true, serving } = part(conditions);
    // nil is "unknown, take it as ready" and serving follows ready (EndpointConditions).
    const isReady = ready !== false;
    return {
      node: typeof nodeName === 'string' ? nodeName : undefined,
      ready: isReady,
      serving: serving === undefined || serving === null ? isReady : serving === true,
    };
  });
  return { service: `${String(metadata['namespace'] ?? 'default')}/${name}`, endpoints };
}
