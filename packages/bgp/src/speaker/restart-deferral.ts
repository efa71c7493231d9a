import { ALL_FAMILIES, type RouteFamily } from '../wire/route-family.ts';
import { mustWaitFor } from './graceful-restart.ts';
import type { Peer } from './peer.ts';

/** The families that a restarted speaker does not decide yet, because peers have still to tell what they have (RFC 4724 §4.1). */
export class RestartDeferral {
  readonly #waiting: Set<RouteFamily>;
  #ready: readonly RouteFamily[] = [];
  /** Peers that have not answered yet are not waited for any longer. */
  late = false;

  constructor(restarting: boolean) {
    this.#waiting = new Set(restarting ? ALL_FAMILIES : []);
    this.#changed();
  }

  /** Whether nothing is waited for. */
  get over(): boolean {
    return this.#waiting.size === 0;
  }

  /** Families that are decided and sent. */
  ready(): readonly RouteFamily[] {
    return this.#ready;
  }

  /** Looks at the peers again; gives the families that need not wait any longer. */
  review(peers: readonly Peer[]): readonly RouteFamily[] {
    if (peers.length === 0 && !this.late) return [];
    const done = [...this.#waiting].filter(
      family => !peers.some(peer => mustWaitFor(peer, family, this.late)),
    );
    for (const family of done) this.#waiting.delete(family);
    this.#changed();
    return done;
  }

  /** Time is up. */
  giveUp(): readonly RouteFamily[] {
    const done = [...this.#waiting];
    this.#waiting.clear();
    this.#changed();
    return done;
  }

  #changed(): void {
    this.#ready = ALL_FAMILIES.filter(family => !this.#waiting.has(family));
  }
}
