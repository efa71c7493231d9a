import type { PeerReport } from './peer-report.ts';

/** Peers that are not up after this don't keep the node from being ready. */
const REACH_MS = 30_000;
/** A peer that is up, but never says that it has told everything, is not waited for any longer. */
const COMPLETE_MS = 60_000;

/** Whether a node may count as back: a rolling upgrade goes on to the next one then. */
export interface ReadinessView {
  readonly ready: boolean;
  /** Peers that are waited for, and why. */
  readonly waitingFor: readonly string[];
}

/**
 * A node is ready when every session that can be expected is up and has told all that it had to (End-of-RIB, RFC 4724 §2).
 * Once ready it stays so: a peer that falls later is no reason to stop sending pods its way.
 */
export class Readiness {
  #since: number | undefined;
  #ready = false;

  /** `started`: the configuration is known and sessions are being made. `now` in milliseconds on the clock of the views. */
  review(started: boolean, peers: readonly PeerReport[], now: number): ReadinessView {
    if (!started) return { ready: false, waitingFor: [] };
    this.#since ??= now;
    if (this.#ready) return { ready: true, waitingFor: [] };
    const waitingFor = peers.flatMap(peer => reasonToWait(peer, now - (this.#since as number)) ?? []);
    this.#ready = waitingFor.length === 0;
    return { ready: this.#ready, waitingFor };
  }
}

function reasonToWait(peer: PeerReport, age: number): string | undefined {
  if (peer.held !== undefined) return undefined;
  if (peer.state !== 'Established') return age < REACH_MS ? `${peer.id} is ${peer.state}` : undefined;
  // Only who knows graceful restart promises an End-of-RIB.
  if (!peer.capabilities.some(({ kind }) => kind === 'gracefulRestart') || age >= COMPLETE_MS)
    return undefined;
  const open = peer.families.filter(({ agreed, endOfRib }) => agreed && !endOfRib);
  return open.length === 0
    ? undefined
    : `${peer.id} has not told all its routes yet (${open.map(({ family }) => family).join(', ')})`;
}
