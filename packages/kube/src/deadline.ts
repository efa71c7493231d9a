import { type KubeFault, localFault } from './kube-fault.ts';

/** Ends a call on time, or when its caller gives up, and knows afterwards which of the two it was. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #user: AbortSignal | undefined;
  readonly #giveUp: () => void;
  #timer: NodeJS.Timeout | undefined;
  #late: string | undefined;

  /** Ends the call after `ms`. */
  constructor(ms: number, user?: AbortSignal) {
    this.#user = user;
    this.#giveUp = () => this.#controller.abort();
    if (user?.aborted) this.#giveUp();
    user?.addEventListener('abort', this.#giveUp, { once: true });
    this.extend(ms, `no answer within ${ms} ms`);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Starts the time again: the call ends `ms` from now, for this reason. */
  extend(ms: number, why: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#late = why;
      this.#controller.abort();
    }, ms);
  }

  /** The call is over: no timer and no listener is left. */
  end(): void {
    clearTimeout(this.#timer);
    this.#user?.removeEventListener('abort', this.#giveUp);
  }

  /** What a failure really was, if this deadline caused it. */
  explain(fault: KubeFault): KubeFault {
    if (this.#user?.aborted) return localFault('Aborted', fault.request, 'given up by the caller');
    if (this.#late !== undefined) return localFault('Timeout', fault.request, this.#late);
    return fault;
  }
}
