import type { Cell, Setup } from '../cell.ts';
import type { PeerName } from '../peers/peer-row.ts';

/** Starts both sides of a session; it is stopped when the feature is done. */
export type Begin = (setup: Setup) => Promise<Cell>;

/** A row of the table. */
export interface Feature {
  readonly name: string;
  /** What was seen when it is green, for the reader of the table. */
  readonly shows: string;
  /** Why a peer can't have it. */
  readonly lacks?: Readonly<Partial<Record<PeerName, string>>>;
  /** Throws with what was missing. */
  readonly run: (begin: Begin, peer: PeerName) => Promise<void>;
}

/** Throws unless the two are equal. */
export function same(what: string, seen: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}

/** Throws unless it holds. */
export function sure(what: string, holds: boolean, seen: unknown = ''): void {
  if (!holds) throw new Error(`${what}; seen: ${JSON.stringify(seen)?.slice(0, 600)}`);
}
