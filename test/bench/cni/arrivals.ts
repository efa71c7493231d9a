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
  /** When the API server had said that it is bound, ms. */
  readonly boundAt: number;
}

/**
 * How long before its ADD a Pod is bound. A kubelet waits for the volumes of a pod first, and looks whether they are there at
 * once and then every 300 ms (`podAttachAndMountRetryInterval`, pkg/kubelet/volumemanager); the token of its service account
 * makes nearly every pod have one. A log of a kubelet shows 389 ms from "Receiving a new pod" to "Creating sandbox"
 * (kubernetes/kubernetes#66672), which is when containerd only begins. So this is a third to a quarter of what is usual.
 */
export const LEAD_MS = 100;

/** So many Pods are bound before their turn, so that those who call never wait for one. */
const AHEAD = 64;

let lives = 0;

/**
 * Pods as a node meets them: each is bound to it at the API server, and its ADD comes no sooner than `leadMs` later. With a lead,
 * Pods go on being bound while others get their interfaces; without one each is bound just before its ADD.
 */
export class Arrivals {
  readonly #stand: Stand;
  readonly #spaces: readonly Space[];
  readonly #leadMs: number;
  readonly #life = lives++;
  readonly #bound: Promise<Pod>[] = [];
  readonly #leads: number[] = [];
  #next = 0;

  constructor(stand: Stand, spaces: readonly Space[], leadMs: number) {
    this.#stand = stand;
    this.#spaces = spaces;
    this.#leadMs = leadMs;
  }

  /** How long before they came for it the pods had been bound; ms. */
  get leads(): readonly number[] {
    return this.#leads;
  }

  /** The next pod; undefined after the last. */
  async next(): Promise<Pod | undefined> {
    const i = this.#next++;
    if (i >= this.#spaces.length) return undefined;
    this.#bindThrough(this.#leadMs === 0 ? i : i + AHEAD);
    const pod = (await this.#bound[i]) as Pod;
    const left = pod.boundAt + this.#leadMs - performance.now();
    if (left > 0) await setTimeout(left);
    this.#leads.push(performance.now() - pod.boundAt);
    return pod;
  }

  /** The Pods' objects are deleted. */
  async clear(): Promise<void> {
    for (const bound of this.#bound) {
      const { name } = await bound;
      must(
        await this.#stand.client.delete(
          RESOURCES.Pod,
          { namespace: 'shop', name },
          { gracePeriodSeconds: 0 },
        ),
      );
    }
  }

  #bindThrough(last: number): void {
    for (let i = this.#bound.length; i <= Math.min(last, this.#spaces.length - 1); i++)
      this.#bound.push(this.#bind(`bench-${this.#life}-${i}`, this.#spaces[i] as Space));
  }

  async #bind(name: string, space: Space): Promise<Pod> {
    const made = await this.#stand.create({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name, labels: { app: 'bench' } } },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }] },
    });
    return { name, uid: made.metadata.uid as string, space, boundAt: performance.now() };
  }
}
