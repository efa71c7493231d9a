import type { EndpointKey } from '@muslin/api';
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
