import type { AnyObject } from '@muslin/kube';

/** Multus' annotation: another network than the node's own gives the pod its `eth0`. */
const OTHER_NETWORK = 'v1.multus-cni.io/default-network';
/** Calico's annotations: the pod has its own wish, or was given addresses before. */
const SPOKEN_FOR = ['ipAddrs', 'podIP', 'podIPs'].map(name => `cni.projectcalico.org/${name}`);

/**
 * Why no rules are prepared for a Pod (v1); undefined when they may be: it is bound to this node, has not begun, is not
 * ending, and will ask our plugin for any address of the node's.
 */
export function unpreparable({ metadata, ...object }: AnyObject, node: string): string | undefined {
  const { spec = {}, status = {} } = object as { readonly spec?: PodSpec; readonly status?: PodStatus };
  const { annotations = {}, deletionTimestamp, uid } = metadata;
  if (uid === undefined || spec.nodeName !== node) return 'it is not bound to this node';
  if (spec.hostNetwork === true) return 'it has no network of its own';
  if (deletionTimestamp !== undefined) return 'it is ending';
  if ((status.phase ?? 'Pending') !== 'Pending') return `its phase is ${status.phase}`;
  if (status.podIP || (status.podIPs ?? []).length > 0) return 'it has an address';
  if (OTHER_NETWORK in annotations) return 'another network is its first';
  const spoken = SPOKEN_FOR.find(name => name in annotations);
  return spoken === undefined ? undefined : `${spoken} says which addresses it has`;
}

interface PodSpec {
  readonly nodeName?: string;
  readonly hostNetwork?: boolean;
}

interface PodStatus {
  readonly phase?: string;
  readonly podIP?: string;
  readonly podIPs?: readonly unknown[];
}
