import type { Output, Speaker } from '@muslin/bgp';
import { formatPrefix } from '@muslin/net';
import type { Advertisement } from './core/desired-speaker.ts';

/** The routes of this node that its speaker was told to originate; only what differs is told to it again. */
export class OwnRoutes {
  readonly #perform: (outputs: readonly Output[]) => void;
  readonly #told = new Map<string, Advertisement>();

  constructor(perform: (outputs: readonly Output[]) => void) {
    this.#perform = perform;
  }

  /** Another speaker: it knows none. */
  clear(): void {
    this.#told.clear();
  }

  /** Withdraws all but these, given as text. */
  keepOnly(kept: ReadonlySet<string>, speaker: Speaker): void {
    for (const [key, { prefix }] of this.#told)
      if (!kept.has(key)) {
        this.#told.delete(key);
        this.#perform(speaker.withdraw(prefix));
      }
  }

  follow(advertisements: readonly Advertisement[], speaker: Speaker): void {
    const wanted = new Map(advertisements.map(route => [formatPrefix(route.prefix), route]));
    this.keepOnly(new Set(wanted.keys()), speaker);
    for (const [key, route] of wanted) {
      if (this.#told.get(key)?.localPref === route.localPref) continue;
      this.#told.set(key, route);
      this.#perform(speaker.originate(route.prefix, { localPref: route.localPref }));
    }
  }
}
