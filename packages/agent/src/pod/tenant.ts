import { findLink, netlinkIn } from '@muslin/linux';
import type { CniPod } from '../cni/cni-request.ts';
import { openPodNamespace } from './pod-link.ts';
import type { Sandbox } from './sandbox-store.ts';

/**
 * Whose a namespace is already: a sentence when the interface of another pod is in it, whose policy an interface of this one
 * would go round. Paths come again (`/proc/7/ns/net`), so the interface itself must be there.
 */
export function tenantOf(
  { netns, containerId, pod }: Pick<Sandbox, 'netns' | 'containerId'> & { readonly pod: CniPod },
  sandboxes: readonly Sandbox[],
): string | undefined {
  const tenant = sandboxes.find(
    other =>
      other.netns === netns &&
      other.containerId !== containerId &&
      (other.pod.namespace !== pod.namespace || other.pod.name !== pod.name) &&
      isIn(other),
  );
  if (tenant === undefined) return undefined;
  const { namespace, name } = tenant.pod;
  return `${netns} is the network namespace of pod ${namespace}/${name} (container ${tenant.containerId})`;
}

function isIn({ netns, ifname, podMac }: Sandbox): boolean {
  const opened = openPodNamespace(netns);
  if (!opened.ok) return false;
  using namespace = opened.value;
  const inside = netlinkIn(namespace);
  if (!inside.ok) return false;
  using pod = inside.value;
  const link = findLink(pod, ifname);
  return link.ok && link.value !== undefined && link.value.mac === podMac;
}
