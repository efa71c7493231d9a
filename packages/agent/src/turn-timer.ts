/** Takes a turn at the earliest of the times that were asked for, and never two at once. */
export class TurnTimer {
  readonly #turn: () => Promise<number>;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #busy = false;
  #stopped = false;

  /** @param turn gives the milliseconds until the next turn, should nobody ask for an earlier one. */
  constructor(turn: () => Promise<number>) {
    this.#turn = turn;
  }

  /** Asks for a turn in so many milliseconds; during a turn that turn's own answer holds. */
  wait(ms: number): void {
    if (this.#busy || this.#stopped) return;
    const due = performance.now() + ms;
    // Whoever comes first: a change does not wait for the next time that nothing changed.
    if (this.#timer !== undefined && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => void this.#take(), ms);
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #take(): Promise<void> {
    this.#timer = undefined;
    this.#busy = true;
    const next = await this.#turn();
    this.#busy = false;
    this.wait(next);
  }
}
