import type { Peer } from './peer.ts';
import type { TimerBook } from './timer-book.ts';

/** Unsent octets of one peer beyond which no more UPDATEs are made for it. */
export const HIGH_BACKLOG = 1 << 20;

/** Notes how much the kernel has not taken, and watches a peer that reads nothing at all (RFC 9687 §3.2). */
export function applyBacklog(peer: Peer, bytes: number, now: number, timers: TimerBook, timer: string): void {
  const shrank = bytes < peer.unsent;
  peer.unsent = bytes;
  if (bytes === 0 || peer.config.sendHoldTime === 0) timers.clear(timer);
  else if (shrank || !timers.has(timer)) timers.set(timer, now + peer.config.sendHoldTime * 1000);
}
