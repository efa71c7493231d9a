import { setTimeout } from 'node:timers/promises';
import { RESOURCES } from '@muslin/kube';
import type { Space } from '../../../packages/agent/test/spaces.ts';
import { must } from '../../../packages/agent/test/spaces.ts';
import type { Stand } from '../../../packages/agent/test/stand.ts';

/** A pod whose ADD is due: an object that the API server has, and a namespace. */
export interface Pod {
  readonly name: string;
  readonly uid: string;
  readonly space: Space;
}

/**
 * How long before its ADD a Pod is bound. A kubelet waits for the volumes of a pod first, and looks whether they are there at
 * once and then every 300 ms (`podAttachAndMountRetryInterval`, pkg/kubelet/volumemanager); the token of its service account
 * makes nearly every pod have one. A log of a kubelet shows 389 ms from "Receiving a new pod" to "Creating sandbox"
 * (kubernetes/kubernetes#66672), which is when containerd only begins. So this is a third to a quarter of what is usual.
 */
export const LEAD_MS = 100;

let lives = 0;

/**
 * Pods as a node meets them: those of a burst are bound together at the API server, and their ADDs come together `leadMs` after
 * the last of them.
 */
export class Arrivals {
  readonly #stand: Stand;
  readonly #node: string;
  readonly #leadMs: number;
  readonly #life = lives++;
  readonly #bound: Pod[] = [];

  /** `node`: whose Pods they are; for plugins that know no Pods somebody else's, so that the API server works for them, too. */
  constructor(stand: Stand, node: string, leadMs: number) {
    this.#stand = stand;
    this.#node = node;
    this.#leadMs = leadMs;
  }

  /** A pod for each namespace, when their ADDs are due. */
  async burst(spaces: readonly Space[]): Promise<readonly Pod[]> {
    const pods = await Promise.all(spaces.map(space => this.#bind(space)));
    if (this.#leadMs > 0) await setTimeout(this.#leadMs);
    return pods;
  }

  /** The Pods' objects are deleted. */
  async clear(): Promise<void> {
    for (const { name } of this.#bound)
      must(
        await this.#stand.client.delete(
          RESOURCES.Pod,
          { namespace: 'shop', name },
          { gracePeriodSeconds: 0 },
        ),
      );
  }

  async #bind(space: Space): Promise<Pod> {
    const name = `bench-${this.#life}-${this.#bound.length}`;
    const pod = { name, uid: '', space };
    this.#bound.push(pod);
    const made = await this.#stand.create({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name, labels: { app: 'bench' } } },
      spec: { nodeName: this.#node, containers: [{ name: 'c', image: 'x' }] },
    });
    return { ...pod, uid: made.metadata.uid as string };
  }
}
