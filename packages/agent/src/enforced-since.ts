import type { KubeObject } from '@muslin/kube';

/** A version of a policy that a watch showed. */
export interface SeenPolicy {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number | undefined;
  /** Milliseconds since the epoch, with fractions. */
  readonly seenAt: number;
}

/** Since when a version of a policy is in this node's kernel. */
export interface EnforcedPolicy extends SeenPolicy {
  /** Milliseconds since the epoch, with fractions. */
  readonly enforcedAt: number;
}

/** What was in force at one moment. */
export interface InForce {
  readonly policies: ReadonlyMap<string, EnforcedPolicy>;
  readonly through: ReadonlyMap<string, string>;
}

/**
 * Remembers which version of each object was seen, and which is in force: a version is in force when a round that
 * began after it was seen has ended well.
 */
export class EnforcedSince {
  readonly #now: () => number;
  readonly #seen = new Map<string, SeenPolicy>();
  readonly #enforced = new Map<string, EnforcedPolicy>();
  readonly #seenThrough = new Map<string, string>();
  readonly #appliedThrough = new Map<string, string>();

  constructor(now: () => number = () => performance.timeOrigin + performance.now()) {
    this.#now = now;
  }

  /** A watch showed this version of an object of a kind; `policyKey` when it is a policy. */
  saw(kind: string, object: KubeObject, policyKey: string | undefined, gone: boolean): void {
    const { uid = '', resourceVersion = '', generation } = object.metadata;
    this.sawThrough(kind, resourceVersion);
    if (policyKey === undefined) return;
    if (gone) this.#seen.delete(policyKey);
    else this.#seen.set(policyKey, { uid, resourceVersion, generation, seenAt: this.#now() });
  }

  /** Of a kind all was seen up to a version, whether it was shown or not; whether that is news. */
  sawThrough(kind: string, resourceVersion: string): boolean {
    if (Number(resourceVersion) <= Number(this.#seenThrough.get(kind) ?? -1)) return false;
    this.#seenThrough.set(kind, resourceVersion);
    return true;
  }

  /** What had been seen when a round began: hand it to `enforced` when the round has ended well. */
  mark(): {
    readonly policies: ReadonlyMap<string, SeenPolicy>;
    readonly through: ReadonlyMap<string, string>;
  } {
    return { policies: new Map(this.#seen), through: new Map(this.#seenThrough) };
  }

  /** Gives the versions that are newly in force. */
  enforced(mark: ReturnType<EnforcedSince['mark']>, now: number): readonly EnforcedPolicy[] {
    const fresh: EnforcedPolicy[] = [];
    for (const key of this.#enforced.keys()) if (!mark.policies.has(key)) this.#enforced.delete(key);
    for (const [key, policy] of mark.policies) {
      const old = this.#enforced.get(key);
      if (old?.uid === policy.uid && old.resourceVersion === policy.resourceVersion) continue;
      const entry = { ...policy, enforcedAt: now };
      this.#enforced.set(key, entry);
      fresh.push(entry);
    }
    for (const [kind, version] of mark.through) this.#appliedThrough.set(kind, version);
    return fresh;
  }

  /** What is in force now, as it will not change. */
  get inForce(): InForce {
    return { policies: new Map(this.#enforced), through: new Map(this.#appliedThrough) };
  }

  get policies(): Readonly<Record<string, EnforcedPolicy>> {
    return Object.fromEntries(this.#enforced);
  }

  get appliedThrough(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#appliedThrough);
  }
}
