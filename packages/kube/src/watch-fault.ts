import type { KubeFault } from './kube-fault.ts';
import { apiVersionOf, type Resource } from './resource.ts';

/** Groups that every Kubernetes serves by itself, from the version that Muslin asks for: no definition adds them. */
const OF_KUBERNETES = ['', 'discovery.k8s.io', 'networking.k8s.io', 'coordination.k8s.io'];
const OLDEST_KUBERNETES = '1.32';

/**
 * What a watch that broke means, and what to do. A kind that is not served is the one fault that never passes by itself.
 * @param untilThen what waits for the kind: `no pod can start before`
 */
export function explainWatchFault(resource: Resource, fault: KubeFault, untilThen: string): string {
  if (fault.code !== 'NotFound') return `watch broke, trying again: ${fault.message}`;
  const cure = OF_KUBERNETES.includes(resource.group)
    ? `it is older than Kubernetes ${OLDEST_KUBERNETES}, so upgrade it`
    : `install the CRD ${resource.plural}.${resource.group}`;
  return `the API server does not serve ${resource.kind} (${apiVersionOf(resource)}): ${cure}; ${untilThen}`;
}
