import { type Subject, subjectKey } from './counted.ts';

/** Packets and bytes. */
export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** What was counted for one subject since the tally began. */
export interface Total extends Count {
  readonly subject: Subject;
}

/**
 * Sums of what kernel counters say, which begin anew whenever a rule or a set is written anew. A counter is known by the
 * place that holds it (a chain, a set) and its name there; one that stands lower than before has begun anew. Whoever
 * writes a place anew reads it first and has it forgotten afterwards: then nothing is lost and nothing counted twice.
 */
export class Tally {
  readonly #totals = new Map<string, { subject: Subject; packets: number; bytes: number }>();
  readonly #last = new Map<string, Map<string, Count>>();

  /** Takes what a counter says now; how many packets came since it was read last. */
  take(place: string, name: string, now: Count, subject?: Subject): number {
    let counters = this.#last.get(place);
    if (counters === undefined) this.#last.set(place, (counters = new Map()));
    const { packets, bytes } = since(counters.get(name), now);
    counters.set(name, { packets: now.packets, bytes: now.bytes });
    if (subject !== undefined && packets > 0) {
      const key = subjectKey(subject);
      const total = this.#totals.get(key);
      if (total === undefined) this.#totals.set(key, { subject, packets, bytes });
      else {
        total.packets += packets;
        total.bytes += bytes;
      }
    }
    return packets;
  }

  /** A place was written anew, or is gone: all of its counters, or those with these names. */
  forget(place: string, names?: Iterable<string>): void {
    if (names === undefined) this.#last.delete(place);
    else for (const name of names) this.#last.get(place)?.delete(name);
  }

  /** Nothing is known of any counter: all have begun anew. */
  forgetAll(): void {
    this.#last.clear();
  }

  /** Lets go of subjects that are no more, such as rules of a policy that was deleted. */
  keep(isThere: (subject: Subject) => boolean): void {
    for (const [key, { subject }] of this.#totals) if (!isThere(subject)) this.#totals.delete(key);
  }

  /** What was counted for everybody that was counted for. */
  get totals(): readonly Total[] {
    return [...this.#totals.values()].map(total => ({ ...total }));
  }
}

function since(before: Count | undefined, now: Count): Count {
  if (before === undefined || now.packets < before.packets || now.bytes < before.bytes) return now;
  return { packets: now.packets - before.packets, bytes: now.bytes - before.bytes };
}
