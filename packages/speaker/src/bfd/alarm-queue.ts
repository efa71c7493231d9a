interface Alarm {
  readonly id: string;
  readonly at: number;
}

/** Alarms by time: a binary heap. A replaced or cleared alarm stays in it until its time, and is then passed over. */
export class AlarmQueue {
  readonly #current = new Map<string, Alarm>();
  readonly #heap: Alarm[] = [];

  set(id: string, at: number): void {
    const alarm = { id, at };
    this.#current.set(id, alarm);
    const heap = this.#heap;
    let place = heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent] as Alarm;
      if (above.at <= at) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = alarm;
  }

  clear(id: string): void {
    this.#current.delete(id);
  }

  /** When the next alarm is due; undefined without alarms. */
  next(): number | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#current.get(top.id) === top) return top.at;
      this.#pop();
    }
    return undefined;
  }

  /** Takes out the next alarm that is due at `now`. */
  take(now: number): string | undefined {
    const at = this.next();
    if (at === undefined || at > now) return undefined;
    const { id } = this.#heap[0] as Alarm;
    this.#pop();
    this.#current.delete(id);
    return id;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Alarm).at < (heap[child] as Alarm).at) child++;
      const below = heap[child] as Alarm;
      if (below.at >= last.at) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = last;
  }
}
