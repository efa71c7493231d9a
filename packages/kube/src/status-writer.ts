import { ok, type Result } from '@muslin/net';
import { backOffMs } from './back-off.ts';
import { type Clock, type Random, systemClock } from './clock.ts';
import type { KubeClient } from './kube-client.ts';
import { isPassing, type KubeFault } from './kube-fault.ts';
import type { AnyObject, ObjectName } from './kube-object.ts';
import { mergePatch } from './merge-patch.ts';
import { pathOf, type Resource } from './resource.ts';

/** Computes the status that an object should have; undefined: leave it alone. */
export type StatusChange = (object: AnyObject) => unknown;

/** What became of a status. */
export type StatusOutcome = 'written' | 'equal' | 'gone' | 'superseded';

interface Pending {
  change: StatusChange;
  readonly waiters: ((outcome: Result<StatusOutcome, KubeFault>) => void)[];
}

/** Options of a status writer. */
export interface StatusWriterOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  /** Tries before a passing fault is given back; default 8. */
  readonly tries?: number;
}

/**
 * Writes the `status` of objects. Each object has at most one write under way and one waiting: a newer wish replaces
 * the waiting one. A write reads the object first, sends nothing when the status is already right, and otherwise a
 * merge patch bound to the version that was read, so that two writers never undo each other.
 */
export class StatusWriter {
  readonly #client: Pick<KubeClient, 'get' | 'patch'>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #tries: number;
  readonly #pending = new Map<string, Pending>();
  readonly #busy = new Set<string>();
  readonly #stop = new AbortController();

  constructor(client: Pick<KubeClient, 'get' | 'patch'>, options: StatusWriterOptions = {}) {
    this.#client = client;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#tries = options.tries ?? 8;
  }

  /** Wishes a status for an object: a value, or a function of the object as it then is. */
  write(
    resource: Resource,
    name: ObjectName,
    change: StatusChange | { readonly value: unknown },
  ): Promise<Result<StatusOutcome, KubeFault>> {
    const key = pathOf(resource, name);
    const wish: StatusChange = typeof change === 'function' ? change : () => change.value;
    return new Promise(resolve => {
      for (const waiter of this.#pending.get(key)?.waiters ?? []) waiter(ok('superseded'));
      this.#pending.set(key, { change: wish, waiters: [resolve] });
      if (!this.#busy.has(key)) void this.#drain(key, resource, name);
    });
  }

  /** Stops trying: what waits ends with its last fault. */
  stop(): void {
    this.#stop.abort();
  }

  async #drain(key: string, resource: Resource, name: ObjectName): Promise<void> {
    this.#busy.add(key);
    // Wishes of the same turn meet here, so that a burst costs one write.
    await Promise.resolve();
    for (let next = this.#pending.get(key); next !== undefined; next = this.#pending.get(key)) {
      this.#pending.delete(key);
      const outcome = await this.#try(resource, name, next.change);
      for (const waiter of next.waiters) waiter(outcome);
    }
    this.#busy.delete(key);
  }

  async #try(
    resource: Resource,
    name: ObjectName,
    change: StatusChange,
  ): Promise<Result<StatusOutcome, KubeFault>> {
    for (let failures = 1; ; failures++) {
      const done = await this.#once(resource, name, change);
      if (done.ok) return done;
      if (done.fault.code === 'NotFound') return ok('gone');
      const retry = done.fault.code === 'Conflict' || isPassing(done.fault);
      if (!retry || failures >= this.#tries || this.#stop.signal.aborted) return done;
      const wait = done.fault.code === 'Throttled' ? done.fault.retryAfter * 1000 : 0;
      await this.#clock.sleep(Math.max(wait, backOffMs(failures, this.#random())), this.#stop.signal);
    }
  }

  async #once(
    resource: Resource,
    name: ObjectName,
    change: StatusChange,
  ): Promise<Result<StatusOutcome, KubeFault>> {
    const signal = this.#stop.signal;
    const got = await this.#client.get<AnyObject>(resource, name, { signal });
    if (!got.ok) return got;
    const wanted = change(got.value);
    const patch = wanted === undefined ? undefined : mergePatch(got.value['status'] ?? {}, wanted);
    if (patch === undefined) return ok('equal');
    const { resourceVersion, uid } = got.value.metadata;
    const body = { metadata: { resourceVersion, uid }, status: patch };
    const done = await this.#client.patch(
      resource,
      name,
      { type: 'merge', body },
      { signal, subresource: 'status' },
    );
    return done.ok ? ok('written') : done;
  }
}
