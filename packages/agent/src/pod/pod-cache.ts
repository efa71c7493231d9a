import type { AnyObject } from '@muslin/kube';
import type { CniPod } from '../cni/cni-request.ts';

const keyOf = (pod: { readonly namespace?: string; readonly name?: string }) =>
  `${pod.namespace}/${pod.name}`;

/**
 * Pods as the watch shows them, and those that were read ahead of it because a runtime was faster. What the watch
 * says about a pod is old news until it reaches what was read.
 */
export class PodCache {
  readonly #pods = new Map<string, AnyObject>();
  /** Read, and not yet shown by the watch. */
  readonly #ahead = new Map<string, AnyObject>();

  get(pod: CniPod): AnyObject | undefined {
    return this.#pods.get(keyOf(pod));
  }

  /** The watch showed a pod. False: it is older than what is known, so nobody should act on it. */
  saw(object: AnyObject, gone: boolean): boolean {
    const key = keyOf(object.metadata);
    const ahead = this.#ahead.get(key);
    if (ahead !== undefined) {
      const same = ahead.metadata.uid === object.metadata.uid;
      if (isOlder(object, ahead) && !(same && gone)) return false;
      this.#ahead.delete(key);
    }
    if (gone) this.#pods.delete(key);
    else this.#pods.set(key, object);
    return true;
  }

  /** The pod was read from the API server. */
  read(object: AnyObject): void {
    const key = keyOf(object.metadata);
    this.#pods.set(key, object);
    this.#ahead.set(key, object);
  }

  /**
   * The pod's sandbox is gone. A pod that was read and that the watch never showed is forgotten and returned: it
   * may have been deleted before the watch got there, and nothing would ever say so.
   */
  forget(pod: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  }): AnyObject | undefined {
    const key = keyOf(pod);
    const ahead = this.#ahead.get(key);
    if (ahead === undefined || ahead.metadata.uid !== pod.uid) return undefined;
    this.#ahead.delete(key);
    this.#pods.delete(key);
    return ahead;
  }
}

/** Resource versions of one kind can be compared as numbers (KEP-5504); those that are none count as new. */
function isOlder(a: AnyObject, b: AnyObject): boolean {
  return Number(a.metadata.resourceVersion) < Number(b.metadata.resourceVersion);
}
