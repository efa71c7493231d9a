import { setTimeout } from 'node:timers/promises';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import { CNI_CODE, type CniFault } from '../cni/cni-fault.ts';
import type { CniPod } from '../cni/cni-request.ts';
import type { AgentCore } from '../core/agent-core.ts';
import type { PodCache } from './pod-cache.ts';
import type { Sandbox } from './sandbox-store.ts';

/** What reading and writing Pods takes. */
interface PodObjectOptions {
  readonly client: KubeClient;
  readonly core: AgentCore;
  readonly pods: PodCache;
  /** False while only what concerns known pods of the node is known: a new one would run without its policies. */
  readonly knowsAll?: () => boolean;
  readonly log: (line: string) => void;
}

/** The Pod object of the very pod that the runtime starts, as known or fresh from the API server. */
export async function findPod(
  pod: CniPod,
  { client, core, pods, knowsAll = () => true }: PodObjectOptions,
): Promise<Result<AnyObject, CniFault>> {
  if (!knowsAll()) return shownPod(pod, pods);
  const cached = pods.get(pod);
  if (cached !== undefined && cached.metadata.uid === pod.uid) return ok(cached);
  const name = { namespace: pod.namespace, name: pod.name };
  const read = await client.get<AnyObject>(RESOURCES.Pod, name, { timeoutMs: 5000 });
  const label = `pod ${pod.namespace}/${pod.name}`;
  // A runtime that names no UID means whichever pod bears the name now.
  if (!read.ok && pod.uid === undefined && cached !== undefined) return ok(cached);
  if (!read.ok)
    return fail({ code: CNI_CODE.tryAgain, message: `can't read ${label}`, details: read.fault.message });
  if (pod.uid !== undefined && read.value.metadata.uid !== pod.uid)
    return fail({
      code: CNI_CODE.tryAgain,
      message: `${label} is another one than the runtime started: its UID differs`,
    });
  const object = { ...read.value, apiVersion: 'v1', kind: 'Pod' };
  pods.read(object);
  core.tell({ type: 'object', object });
  return ok(object);
}

/** A controller tells of a pod together with all that concerns it: without its word the pod can't begin. */
async function shownPod(pod: CniPod, pods: PodCache): Promise<Result<AnyObject, CniFault>> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const shown = pods.get(pod);
    if (shown !== undefined && (pod.uid === undefined || shown.metadata.uid === pod.uid)) return ok(shown);
    if (waited >= SHOWN_MS) break;
    await setTimeout(LOOK_MS);
  }
  return fail({
    code: CNI_CODE.tryAgain,
    message: `the controller has not told of pod ${pod.namespace}/${pod.name} within ${SHOWN_MS / 1000} seconds; try again`,
  });
}

/** How long an ADD waits for the controller's word, and how often it looks. */
const SHOWN_MS = 5_000;
const LOOK_MS = 20;

/** Tells the cluster the addresses at once, as Calico's plugin does: the kubelet's status comes a little later. */
export async function publishAddresses(
  sandbox: Sandbox,
  { client, log }: Pick<PodObjectOptions, 'client' | 'log'>,
): Promise<void> {
  const { pod, ips, containerId } = sandbox;
  const annotations = {
    'cni.projectcalico.org/containerID': containerId,
    'cni.projectcalico.org/podIP': `${ips[0]}/${ips[0]?.includes(':') ? 128 : 32}`,
    'cni.projectcalico.org/podIPs': ips.map(ip => `${ip}/${ip.includes(':') ? 128 : 32}`).join(','),
  };
  const body = { metadata: { uid: pod.uid, annotations } };
  const done = await client.patch(RESOURCES.Pod, pod, { type: 'merge', body });
  if (!done.ok && done.fault.code !== 'NotFound' && done.fault.code !== 'Conflict')
    log(`annotations of ${pod.namespace}/${pod.name}: ${done.fault.message}`);
}
