import type { ClusterFacts } from '../src/core/cluster-facts.ts';
import { FactStore, type SeenObject } from '../src/core/fact-store.ts';

/** An object of a kind, with its spec. */
export function object(kind: string, name: string, spec: object, more: object = {}): SeenObject {
  const group = kind === 'Node' || kind === 'Service' ? 'v1' : 'projectcalico.org/v3';
  return { apiVersion: group, kind, metadata: { name }, spec, ...more } as SeenObject;
}

/** A Node with addresses, and what its annotations and labels say. */
export function node(
  name: string,
  ips: readonly string[],
  about: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly as?: number;
    readonly cluster?: string;
  } = {},
): SeenObject {
  const annotations = {
    ...(about.as === undefined ? {} : { 'projectcalico.org/ASNumber': String(about.as) }),
    ...(about.cluster === undefined ? {} : { 'projectcalico.org/RouteReflectorClusterID': about.cluster }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: about.labels ?? {}, annotations },
    spec: {},
    status: { addresses: ips.map(address => ({ type: 'InternalIP', address })) },
  } as SeenObject;
}

export const configuration = (spec: object, name = 'default') => object('BGPConfiguration', name, spec);
export const peer = (name: string, spec: object) => object('BGPPeer', name, spec);
export const filter = (name: string, spec: object) => object('BGPFilter', name, spec);
export const pool = (name: string, spec: object) => object('IPPool', name, spec);
export const claim = (nodeName: string, cidr: string, state = 'confirmed') =>
  object('BlockAffinity', `${nodeName}-${cidr.replace(/[./:]/g, '-')}`, { cidr, node: nodeName, state });

/** A Service in the namespace default. */
export function service(name: string, spec: object, ingress: readonly string[] = []): SeenObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec,
    status: { loadBalancer: { ingress: ingress.map(ip => ({ ip })) } },
  } as SeenObject;
}

/** An EndpointSlice of a Service in the namespace default. */
export function slice(
  name: string,
  of: string,
  endpoints: readonly { readonly node: string; readonly ready?: boolean; readonly serving?: boolean }[],
): SeenObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    endpoints: endpoints.map(({ node: nodeName, ready, serving }) => ({
      addresses: ['10.244.0.9'],
      nodeName,
      conditions: {
        ...(ready === undefined ? {} : { ready }),
        ...(serving === undefined ? {} : { serving }),
      },
    })),
  } as SeenObject;
}

/** The store that has seen these. */
export function storeOf(objects: readonly SeenObject[]): FactStore {
  const store = new FactStore();
  for (const each of objects) store.set(each, false);
  return store;
}

/** The facts that these objects make. */
export function factsOf(...objects: SeenObject[]): ClusterFacts {
  return storeOf(objects).facts;
}
