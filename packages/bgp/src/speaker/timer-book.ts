import type { Output } from './output.ts';

interface Entry {
  /** When it is due, in milliseconds. */
  due: number;
  /** When the shell will wake us; not later than `due`. */
  armed: number;
}

/**
 * Due times of all timers. A timer that only moves later, as the hold timer does with each message, costs no output:
 * the shell wakes us at the old time and is asked again.
 */
export class TimerBook {
  readonly #entries = new Map<string, Entry>();
  readonly #emit: (output: Output) => void;

  constructor(emit: (output: Output) => void) {
    this.#emit = emit;
  }

  set(id: string, due: number): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined && entry.armed <= due) {
      entry.due = due;
      return;
    }
    this.#entries.set(id, { due, armed: due });
    this.#emit({ kind: 'setTimer', id, at: due });
  }

  clear(id: string): void {
    if (this.#entries.delete(id)) this.#emit({ kind: 'clearTimer', id });
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** The shell's timer fired; true when it is really due. */
  fired(id: string, now: number): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    if (now < entry.due) {
      entry.armed = entry.due;
      this.#emit({ kind: 'setTimer', id, at: entry.due });
      return false;
    }
    this.#entries.delete(id);
    return true;
  }
}
