/** A Pod, as far as the lab's kubelet reads it. */
export interface LabPod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly deletionTimestamp?: string | null;
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly hostNetwork?: boolean;
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly containers: readonly LabContainer[];
    readonly initContainers?: readonly LabContainer[];
  };
  readonly status?: { readonly phase?: string };
}

/** A container of such a Pod. */
export interface LabContainer {
  readonly name: string;
  readonly image?: string;
  readonly ports?: readonly { readonly containerPort: number; readonly protocol?: string }[];
}

/** What the kubelet must do about a pod now. */
export type PodAction = 'bind' | 'start' | 'stop' | 'nothing';

/**
 * Decides from the pod and whether it has a sandbox here, so that repeats and missed events change nothing.
 * A pod that has ended keeps its object, as with a real kubelet, but no sandbox.
 */
export function podAction(pod: LabPod | undefined, hasSandbox: boolean, ourNode: boolean): PodAction {
  if (pod === undefined) return hasSandbox ? 'stop' : 'nothing';
  const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (pod.metadata.deletionTimestamp || ended) {
    if (hasSandbox) return 'stop';
    return pod.metadata.deletionTimestamp && pod.spec.nodeName !== undefined && ourNode ? 'stop' : 'nothing';
  }
  if (pod.spec.nodeName === undefined) return 'bind';
  return hasSandbox || !ourNode ? 'nothing' : 'start';
}

/** The node for the `count`-th pod: in turn among those whose labels fit the pod's nodeSelector. */
export function chooseNode(
  pod: LabPod,
  nodes: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[],
  count: number,
): string | undefined {
  const wanted = Object.entries(pod.spec.nodeSelector ?? {});
  const fitting = nodes.filter(node => wanted.every(([key, value]) => node.labels[key] === value));
  return fitting[count % Math.max(1, fitting.length)]?.name;
}

/** Ports to answer on: all that the containers declare (init containers have ended). */
export function declaredPorts(
  pod: LabPod,
): readonly { readonly protocol: 'TCP' | 'UDP'; readonly port: number }[] {
  const seen = new Set<string>();
  return pod.spec.containers.flatMap(container =>
    (container.ports ?? []).flatMap(({ containerPort, protocol = 'TCP' }) => {
      if ((protocol !== 'TCP' && protocol !== 'UDP') || seen.has(`${protocol}${containerPort}`)) return [];
      seen.add(`${protocol}${containerPort}`);
      return [{ protocol, port: containerPort } as const];
    }),
  );
}
