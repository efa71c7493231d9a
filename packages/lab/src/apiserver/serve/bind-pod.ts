import { ok, type Result } from '@muslin/net';
import type { Api } from '../api.ts';
import { type JsonObject, listAt, objectAt, textAt } from '../json.ts';
import type { Kind } from '../kinds/kind.ts';
import { type KubeObject, timeText } from '../kube-object.ts';
import { conflict, refuse, type Status } from '../status.ts';
import { keyOf } from '../store/store.ts';

/** pods/binding: a scheduler gives a pod its node, once (Binding v1). */
export function bindPod(
  api: Api,
  kind: Kind,
  pod: KubeObject,
  binding: JsonObject,
): Result<KubeObject, Status> {
  const name = pod.metadata.name ?? '';
  const current = textAt(pod, 'spec', 'nodeName');
  const target = textAt(binding, 'target', 'name');
  if (current !== '')
    return refuse(conflict(kind, name, `pod ${name} is already assigned to node "${current}"`));
  const scheduled = {
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: timeText(api.now()),
  };
  const others = listAt(pod, 'status', 'conditions').filter(item => textAt(item, 'type') !== 'PodScheduled');
  const bound = {
    ...pod,
    spec: { ...objectAt(pod, 'spec'), nodeName: target },
    status: { ...objectAt(pod, 'status'), conditions: [...others, scheduled] },
  };
  return ok(api.store.put(kind.storage, keyOf(pod.metadata.namespace ?? '', name), bound));
}
