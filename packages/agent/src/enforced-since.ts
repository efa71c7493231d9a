import type { KubeObject } from '@muslin/kube';

/** Since when a version of a policy is in this node's kernel. */
export interface EnforcedPolicy {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number | undefined;
  /** Milliseconds since the epoch, with fractions. */
  readonly enforcedAt: number;
}

/**
 * Remembers which version of each object was seen, and which is in force: a version is in force when a round that
 * began after it was seen has ended well.
 */
export class EnforcedSince {
  readonly #seen = new Map<
    string,
    { uid: string; resourceVersion: string; generation: number | undefined }
  >();
  readonly #enforced = new Map<string, EnforcedPolicy>();
  readonly #seenThrough = new Map<string, string>();
  readonly #appliedThrough = new Map<string, string>();

  /** A watch showed this version of an object of a kind; `policyKey` when it is a policy. */
  saw(kind: string, object: KubeObject, policyKey: string | undefined, gone: boolean): void {
    const { uid = '', resourceVersion = '', generation } = object.metadata;
    if (Number(resourceVersion) > Number(this.#seenThrough.get(kind) ?? -1))
      this.#seenThrough.set(kind, resourceVersion);
    if (policyKey === undefined) return;
    if (gone) this.#seen.delete(policyKey);
    else this.#seen.set(policyKey, { uid, resourceVersion, generation });
  }

  /** What had been seen when a round began: hand it to `enforced` when the round has ended well. */
  mark(): {
    readonly policies: ReadonlyMap<string, Omit<EnforcedPolicy, 'enforcedAt'>>;
    readonly through: ReadonlyMap<string, string>;
  } {
    return { policies: new Map(this.#seen), through: new Map(this.#seenThrough) };
  }

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

  get policies(): Readonly<Record<string, EnforcedPolicy>> {
    return Object.fromEntries(this.#enforced);
  }

  get appliedThrough(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#appliedThrough);
  }
}
