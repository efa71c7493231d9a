import type { Api } from '../api.ts';
import type { StoreEvent } from '../store/store.ts';

/**
 * What kube-controller-manager would do. `start` looks at everything once, `react` at each write after it.
 * Both only write through the API's store, so a step is a function of the store's state and the event.
 */
export interface Controller {
  start(api: Api): void;
  react(api: Api, event: StoreEvent): void;
  /** After a batch of writes: the place for work that is worth doing once for many. */
  finish?(api: Api): void;
}

/** Feeds writes to controllers, later than the write itself so that writers see their own state first. */
export class ControlLoop {
  readonly #api: Api;
  readonly #controllers: readonly Controller[];
  readonly #later: (step: () => void) => void;
  readonly #stop: () => void;
  #queue: StoreEvent[] = [];
  #planned = false;

  /** @param later calls a step soon, but not now (`setImmediate`) */
  constructor(api: Api, controllers: readonly Controller[], later: (step: () => void) => void) {
    this.#api = api;
    this.#controllers = controllers;
    this.#later = later;
    this.#stop = api.store.subscribe(event => {
      this.#queue.push(event);
      this.#plan();
    });
    for (const controller of controllers) controller.start(api);
  }

  close(): void {
    this.#stop();
    this.#queue = [];
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    this.#later(() => {
      this.#planned = false;
      const events = this.#queue;
      this.#queue = [];
      for (const event of events)
        for (const controller of this.#controllers) controller.react(this.#api, event);
      for (const controller of this.#controllers) controller.finish?.(this.#api);
    });
  }
}
