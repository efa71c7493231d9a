import type { ExportTreatment, Withheld } from './export-rules.ts';
import type { GroupMember } from './group-member.ts';

/** Bytes for one member of a group. */
export type SendBytes = (slot: number, bytes: Uint8Array) => void;

/** A route as a peer has it: the attribute set, and the path that it stands for. */
export interface SentPath {
  readonly path: number;
  readonly attributes: number;
}

/** Adj-RIB-Out of peers that are treated alike: `UpdateGroup` sends the best path, `AddPathGroup` all of them. */
export interface OutGroup {
  readonly treatment: ExportTreatment;
  readonly size: number;
  member(slot: number): GroupMember | undefined;
  /** Takes a peer in; everything that it should have is queued, an End-of-RIB follows (RFC 4724 §2). */
  join(slot: number): void;
  /** Takes a peer over from another group of the same kind: only what differs from what it has is queued. */
  takeOver(slot: number, from: OutGroup): void;
  /**
   * Queues everything again, as a ROUTE-REFRESH asks (RFC 2918 §4). With `send` the peer is told where the refresh
   * begins and ends, so that it can drop what was not in it (RFC 7313 §4).
   */
  refresh(slot: number, send?: SendBytes): void;
  leave(slot: number): void;
  /** Forgets everything; the group is not used afterwards. */
  dispose(): void;
  /** Number of routes that a member has been, or is about to be, sent. */
  advertisedCount(slot: number): number;
  /** What a member has for a prefix. */
  advertisedPaths(slot: number, entry: number): readonly SentPath[];
  /** Why the best path of a prefix is not sent; undefined when it is. */
  withheld(entry: number): Withheld | undefined;
  /** Brings the members up to date with prefixes that were decided anew. */
  update(entries: readonly number[], send: SendBytes): void;
  /** Sends a member part of what it is behind; true when it has caught up. */
  drain(slot: number, limit: number, send: SendBytes): boolean;
}
