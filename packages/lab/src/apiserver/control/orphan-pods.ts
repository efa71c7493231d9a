import { textAt } from '../json.ts';
import { node } from '../kinds/node.ts';
import { pod } from '../kinds/pod.ts';
import { deleteObject } from '../serve/delete.ts';
import type { Controller } from './controller.ts';

const AT_ONCE = { uid: '', resourceVersion: '', dryRun: false, gracePeriodSeconds: 0 } as const;

/**
 * Pods of a node that is gone go, too: nobody is there to end them (pod garbage collection, `gcOrphaned`). The real one looks
 * every twenty seconds and waits forty; nobody here wants to.
 */
export const orphanPods: Controller = {
  start() {},
  react(api, event) {
    if (event.storage !== node.storage || event.type !== 'DELETED') return;
    const name = event.object.metadata.name;
    if (api.store.get(node.storage, event.key) !== undefined) return;
    for (const [, object] of [...api.store.list(pod.storage)])
      if (textAt(object, 'spec', 'nodeName') === name)
        deleteObject(api, pod, object, { ...AT_ONCE, propagation: 'Background' });
  },
};
