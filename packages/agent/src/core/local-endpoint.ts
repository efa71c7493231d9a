import type { EndpointKey } from '@muslin/api';
import type { HostPort } from '@muslin/dataplane';
import type { Ip, Prefix } from '@muslin/net';

/** One interface of a pod of this node as the CNI plugin made it: what this node knows better than the API server. */
export interface LocalEndpoint {
  readonly key: EndpointKey;
  readonly containerId: string;
  /** UID of the Pod that it was made for. */
  readonly uid: string;
  readonly hostInterface: string;
  readonly ips: readonly Ip[];
  /** Whose routes lead to it: ours, or another plugin's that made the interface. */
  readonly routedBy: 'us' | 'others';
  /** Ports of the node that lead to ports of the pod. */
  readonly ports: readonly LocalPort[];
}

/** A pod that is on its way to this node, as its plugin will make it unless it is told otherwise. */
export type PreparedEndpoint = Pick<LocalEndpoint, 'key' | 'uid' | 'hostInterface' | 'ips'>;

/** A port of the node that leads to a port of a pod. */
export interface LocalPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Address of the node; undefined: any. */
  readonly hostIp: Ip | undefined;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** An address block that belongs to this node. */
export interface OwnBlock {
  readonly name: string;
  readonly cidr: Prefix;
}

/** `pod/<namespace>/<name>`, as normalisation keys it. */
export function endpointKeyOf(pod: { readonly namespace: string; readonly name: string }): EndpointKey {
  return `pod/${pod.namespace}/${pod.name}`;
}

/** IANA protocol numbers. */
const PROTOCOL = { tcp: 6, udp: 17, sctp: 132 } as const;

/** Each of its ports at each of its addresses; a port of one address of the node leads to that family alone. */
export function hostPortsOf({ ips, ports }: LocalEndpoint): readonly HostPort[] {
  return ports.flatMap(({ protocol, hostIp, hostPort, containerPort }) =>
    ips
      .filter(ip => hostIp === undefined || hostIp.family === ip.family)
      .map(pod => ({ protocol: PROTOCOL[protocol], hostIp, hostPort, pod, podPort: containerPort })),
  );
}

/** Where floating addresses lead: to the first address of their family that the pod has, by whichever interface that has it. */
export function floatingOf(
  floating: readonly { readonly key: EndpointKey; readonly ip: Ip }[],
  locals: ReadonlyMap<EndpointKey, readonly LocalEndpoint[]>,
): readonly { readonly ip: Ip; readonly pod: Ip; readonly hostInterface: string }[] {
  return floating.flatMap(({ key, ip }) => {
    for (const { ips, hostInterface } of locals.get(key) ?? []) {
      const pod = ips.find(own => own.family === ip.family);
      if (pod !== undefined) return [{ ip, pod, hostInterface }];
    }
    return [];
  });
}
