import { fail, ok, type Result } from '@muslin/net';
import { backOffMs } from './back-off.ts';
import { type Clock, type Random, systemClock } from './clock.ts';
import { DefinitionWait } from './definition-wait.ts';
import type { KubeClient } from './kube-client.ts';
import { type KubeFault, localFault } from './kube-fault.ts';
import { type AnyObject, type KubeObject, keyOf } from './kube-object.ts';
import type { ListQuery } from './query.ts';
import type { Resource } from './resource.ts';
import { byKey, diffRelist, type ObjectEvent, upsertOf } from './store-diff.ts';
import type { Trim } from './unread-fields.ts';
import type { WatchEvent } from './watch-event.ts';

/** What a reflector says, in order. `synced` comes after every complete list. */
export type ReflectorEvent<T extends KubeObject> = ObjectEvent<T> | { readonly type: 'synced' };

/** The part of the client that a reflector needs. */
export type ListWatch = Pick<KubeClient, 'list' | 'watch'>;

/** What to reflect, and to whom. */
export interface ReflectorOptions<T extends KubeObject> {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** A server that does not serve the resource has no objects of it; asked again when its definition comes. Else that is a fault. */
  readonly optional?: boolean;
  /** Takes off what is not to be kept, before anybody sees the object. */
  readonly trim?: Trim;
  /** Called for each event, in order, never again before it returned. */
  readonly onEvent: (event: ReflectorEvent<T>) => void;
  /** Called for each failure, with the wait that follows: for logs and metrics. */
  readonly onFault?: (fault: KubeFault, waitMs: number) => void;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly pageSize?: number;
  /** Shortest and longest `timeoutSeconds` of a watch; default 300 and 600. */
  readonly watchSeconds?: readonly [number, number];
  /** Silence of a watch that means half-open, ms; default its `timeoutSeconds` and 15 s. */
  readonly idleMs?: number;
}

/** How current the reflection is. */
export interface Freshness {
  /** When the server last said anything that was true then: ms since the epoch; undefined before the first list. */
  readonly heardAt: number | undefined;
  /** Undefined while a watch is open; else since when nothing is known. */
  readonly staleSince: number | undefined;
}

/** A watch that ends sooner than this without an event counts as a failure: no hot loop against a broken server. */
const SHORT_WATCH_MS = 1_000;

/**
 * Keeps a copy of a set of objects: list, then watch, for ever. An outage leaves the copy as it is and only makes it
 * stale; objects leave it when the server says they are deleted, or when a complete later list lacks them.
 */
export class Reflector<T extends KubeObject = AnyObject> {
  readonly resource: Resource;
  readonly #client: ListWatch;
  readonly #options: ReflectorOptions<T>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #stop = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  #items = new Map<string, T>();
  /** Where to watch from; undefined: list first. */
  #version: string | undefined;
  /** Version for the next list: `0` is the cheapest, the last one seen keeps time from going back, empty is newest. */
  #listFrom = '0';
  #failures = 0;
  #isSynced = false;
  #heardAt: number | undefined;
  #staleSince: number | undefined;
  #running: Promise<void> | undefined;
  /** While the kind is not installed. */
  #absence: DefinitionWait | undefined;

  constructor(client: ListWatch, resource: Resource, options: ReflectorOptions<T>) {
    this.resource = resource;
    this.#client = client;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#staleSince = this.#clock.now();
  }

  /** The objects by `namespace/name`: a live view. */
  get items(): ReadonlyMap<string, T> {
    return this.#items;
  }

  /** Whether a complete list was seen. It stays true through outages: ask `freshness`. */
  get synced(): boolean {
    return this.#isSynced;
  }

  get freshness(): Freshness {
    return { heardAt: this.#heardAt, staleSince: this.#staleSince };
  }

  /** Resolves when the first list is complete. */
  whenSynced(): Promise<void> {
    return this.#synced.promise;
  }

  /** Begins; calling it again changes nothing. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends for good and resolves when no request is open; no event comes afterwards. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const done = this.#version === undefined ? await this.#list() : await this.#watch(this.#version);
      if (this.#stop.signal.aborted) return;
      if (done.ok) continue;
      this.#failures++;
      const wait = this.#waitAfter(done.fault);
      this.#options.onFault?.(done.fault, wait);
      await this.#clock.sleep(wait, this.#stop.signal);
    }
  }

  #waitAfter(fault: KubeFault): number {
    const wait = backOffMs(this.#failures, this.#random());
    return fault.code === 'Throttled' ? Math.max(wait, fault.retryAfter * 1000) : wait;
  }

  async #list(): Promise<Result<void, KubeFault>> {
    const { namespace, labelSelector, fieldSelector, pageSize = 500 } = this.#options;
    const scope = selection({ namespace, labelSelector, fieldSelector });
    const listed = new Map<string, T>();
    let query: ListQuery = { ...scope, limit: pageSize };
    if (this.#listFrom !== '') query = { ...query, resourceVersion: this.#listFrom };
    for (;;) {
      const page = await this.#client.list<T>(this.resource, query, { signal: this.#stop.signal });
      if (this.#stop.signal.aborted) return ok(undefined);
      if (!page.ok) {
        // The version or the page is gone, or this server is behind it: ask for the newest next time.
        if (page.fault.code === 'Gone' || isBehind(page.fault)) this.#listFrom = '';
        if (this.#isAbsent(page.fault)) return this.#acceptAbsence();
        return page;
      }
      for (const [key, object] of byKey(page.value.items)) listed.set(key, this.#strip(object));
      if (page.value.next === undefined) {
        this.#absence = undefined;
        this.#accept(listed, page.value.resourceVersion);
        return ok(undefined);
      }
      query = { ...scope, limit: pageSize, continue: page.value.next };
    }
  }

  #isAbsent(fault: KubeFault): boolean {
    return fault.code === 'NotFound' && (this.#options.optional ?? false);
  }

  /** The kind is not installed: a complete list of nothing, and nothing to watch. */
  async #acceptAbsence(): Promise<Result<void, KubeFault>> {
    this.#accept(new Map(), '0');
    this.#version = undefined;
    this.#staleSince = undefined;
    this.#absence ??= new DefinitionWait({
      ...{ client: this.#client, resource: this.resource, signal: this.#stop.signal },
      ...{ clock: this.#clock, random: this.#random },
    });
    await this.#absence.wait();
    return ok(undefined);
  }

  #accept(listed: Map<string, T>, version: string): void {
    const events = diffRelist(this.#items, listed);
    this.#items = listed;
    this.#moveTo(version);
    this.#heard();
    this.#isSynced = true;
    for (const event of events) this.#options.onEvent(event);
    this.#options.onEvent({ type: 'synced' });
    this.#synced.resolve();
  }

  async #watch(version: string): Promise<Result<void, KubeFault>> {
    const { namespace, labelSelector, fieldSelector, watchSeconds = [300, 600], idleMs } = this.#options;
    const [shortest, longest] = watchSeconds;
    const opened = await this.#client.watch<T>(
      this.resource,
      {
        ...selection({ namespace, labelSelector, fieldSelector }),
        resourceVersion: version,
        allowWatchBookmarks: true,
        timeoutSeconds: Math.round(shortest + this.#random() * (longest - shortest)),
        ...(idleMs === undefined ? {} : { idleMs }),
      },
      { signal: this.#stop.signal },
    );
    if (!opened.ok) return this.#lost(opened.fault);
    const since = this.#clock.now();
    this.#heard();
    this.#staleSince = undefined;
    let events = 0;
    for await (const event of opened.value) {
      if (this.#stop.signal.aborted) return ok(undefined);
      if (!event.ok) return this.#lost(event.fault);
      events++;
      this.#failures = 0;
      this.#heard();
      this.#apply(event.value);
    }
    this.#staleSince = this.#clock.now();
    if (events > 0 || this.#clock.now() - since >= SHORT_WATCH_MS) {
      this.#failures = 0;
      return ok(undefined);
    }
    return fail(localFault('Other', `watch ${this.resource.plural}`, 'the server closed the watch at once'));
  }

  /** A watch failed: remember since when, and list again if its version is too old. */
  #lost(fault: KubeFault): Result<void, KubeFault> {
    this.#staleSince ??= this.#heardAt ?? this.#clock.now();
    if (this.#isAbsent(fault)) {
      this.#version = undefined;
      return ok(undefined);
    }
    // 400 and 422 say that the version itself is refused (another etcd behind the same name).
    if (fault.code === 'Gone' || fault.code === 'Invalid') {
      this.#version = undefined;
      this.#listFrom = '';
      // Expiry is normal life: the list follows at once, unless it happens again and again.
      if (fault.code === 'Gone' && this.#failures === 0) {
        this.#failures = 1;
        this.#options.onFault?.(fault, 0);
        return ok(undefined);
      }
    }
    return fail(fault);
  }

  #apply(event: WatchEvent<T>): void {
    if (event.type === 'BOOKMARK') {
      this.#moveTo(event.resourceVersion);
      return;
    }
    const key = keyOf(event.object);
    const old = this.#items.get(key);
    this.#moveTo(event.object.metadata.resourceVersion ?? this.#listFrom);
    const object = this.#strip(event.object);
    if (event.type === 'DELETED') {
      if (!this.#items.delete(key)) return;
      this.#options.onEvent({ type: 'delete', object });
      return;
    }
    const change = upsertOf(old, object);
    this.#items.set(key, object);
    if (change !== undefined) this.#options.onEvent(change);
  }

  #moveTo(version: string): void {
    this.#version = version;
    this.#listFrom = version;
  }

  #heard(): void {
    this.#heardAt = this.#clock.now();
  }

  /** managedFields is often half of an object, and nobody here reads it. */
  #strip(object: T): T {
    const metadata = object.metadata as { managedFields?: unknown };
    if (metadata.managedFields !== undefined) delete metadata.managedFields;
    this.#options.trim?.(object);
    return object;
  }
}

/** This server has not yet seen the version asked for (504, cause ResourceVersionTooLarge). */
function isBehind(fault: KubeFault): boolean {
  return fault.details?.causes?.some(cause => cause.reason === 'ResourceVersionTooLarge') ?? false;
}

function selection(
  scope: {
    readonly [name in 'namespace' | 'labelSelector' | 'fieldSelector']: string | undefined;
  },
): ListQuery {
  return Object.fromEntries(Object.entries(scope).filter(([, value]) => value !== undefined));
}
