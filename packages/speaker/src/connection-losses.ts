import type { ConnectionWitness } from '@muslin/bgp';
import { tcpLosses } from '@muslin/linux';

interface Past {
  readonly at: number;
  readonly seen: ConnectionWitness;
}

const NOTHING: ConnectionWitness = { dropped: 0, stopped: false };

/** Remembers for a while what became of the segments of connections that are closed, by the peer's address. */
export class ConnectionLosses {
  readonly #past = new Map<string, Past>();
  readonly #windowMs: number;

  constructor(windowMs = 60_000) {
    this.#windowMs = windowMs;
  }

  /** A connection is about to go. */
  note(remote: string, fd: number | undefined, now: number): void {
    const seen = fd === undefined ? undefined : tcpLosses(fd);
    if (seen !== undefined && (seen.dropped > 0 || seen.stopped)) this.#past.set(remote, { at: now, seen });
  }

  /** A call came through, in either direction: our segments leave. */
  reached(remote: string): void {
    const past = this.#past.get(remote);
    if (past !== undefined) this.#past.set(remote, { ...past, seen: { ...past.seen, stopped: false } });
  }

  /** What is to be told of a peer with these open connections. */
  lately(remote: string, fds: readonly number[], now: number): ConnectionWitness {
    const past = this.#past.get(remote);
    const before = past !== undefined && now - past.at <= this.#windowMs ? past.seen : NOTHING;
    return fds.map(fd => tcpLosses(fd) ?? NOTHING).reduce(sum, before);
  }
}

function sum(a: ConnectionWitness, b: ConnectionWitness): ConnectionWitness {
  return { dropped: a.dropped + b.dropped, stopped: a.stopped || b.stopped };
}
