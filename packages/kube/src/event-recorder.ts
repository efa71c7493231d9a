import { type Clock, systemClock } from './clock.ts';
import { aggregate, type EventEffect, NOTHING_TOLD, type Note, type Reporter } from './event-aggregate.ts';
import type { KubeClient } from './kube-client.ts';
import type { KubeFault } from './kube-fault.ts';
import { RESOURCES } from './resources.ts';

/** Options of a recorder. */
export interface RecorderOptions {
  readonly clock?: Clock;
  readonly onFault?: (fault: KubeFault) => void;
  /** Events that may wait to be written; default 1,000. More are dropped. */
  readonly queue?: number;
}

/** Writes core v1 Events in the background, one at a time, and never holds up or fails its caller. */
export class EventRecorder {
  readonly #client: Pick<KubeClient, 'create' | 'patch'>;
  readonly #reporter: Reporter;
  readonly #clock: Clock;
  readonly #options: RecorderOptions;
  readonly #queue: Exclude<EventEffect, { type: 'drop' }>[] = [];
  readonly #stop = new AbortController();
  #told = NOTHING_TOLD;
  #writing: Promise<void> | undefined;
  /** Notes not written: floods and a full queue. */
  dropped = 0;

  constructor(
    client: Pick<KubeClient, 'create' | 'patch'>,
    reporter: Reporter,
    options: RecorderOptions = {},
  ) {
    this.#client = client;
    this.#reporter = reporter;
    this.#clock = options.clock ?? systemClock;
    this.#options = options;
  }

  /** Tells something about an object. */
  record(note: Note): void {
    if (this.#stop.signal.aborted || this.#queue.length >= (this.#options.queue ?? 1_000)) {
      this.dropped++;
      return;
    }
    const { state, effect } = aggregate(this.#told, note, this.#reporter, this.#clock.now());
    this.#told = state;
    if (effect.type === 'drop') this.dropped++;
    else this.#queue.push(effect);
    if (this.#queue.length > 0) this.#writing ??= this.#write();
  }

  /** Resolves when everything told so far is written or given up. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** Drops what waits and ends the call under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#writing;
  }

  async #write(): Promise<void> {
    for (let effect = this.#queue.shift(); effect !== undefined; effect = this.#queue.shift())
      if (!this.#stop.signal.aborted) await this.#perform(effect);
    this.#writing = undefined;
  }

  async #perform(effect: Exclude<EventEffect, { type: 'drop' }>): Promise<void> {
    const signal = this.#stop.signal;
    let done =
      effect.type === 'create'
        ? await this.#client.create(RESOURCES.Event, effect.event, { signal })
        : await this.#client.patch(
            RESOURCES.Event,
            { namespace: effect.namespace, name: effect.name },
            { type: 'merge', body: { count: effect.count, lastTimestamp: effect.lastTimestamp } },
            { signal },
          );
    // Events expire after an hour or so: a repeat of an expired one is written anew.
    if (!done.ok && done.fault.code === 'NotFound' && effect.type === 'count')
      done = await this.#client.create(RESOURCES.Event, effect.event, { signal });
    if (!done.ok) this.#options.onFault?.(done.fault);
  }
}
