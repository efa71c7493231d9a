/** Timers of the speaker, by id, on the clock of `performance.now`. */
export class TimerBook {
  readonly #fire: (id: string) => void;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(fire: (id: string) => void) {
    this.#fire = fire;
  }

  /** Sets a timer, or sets it anew. `at` in milliseconds. */
  set(id: string, at: number): void {
    this.clear(id);
    const due = () => {
      this.#timers.delete(id);
      this.#fire(id);
    };
    this.#timers.set(id, setTimeout(due, Math.max(0, at - performance.now())));
  }

  clear(id: string): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
