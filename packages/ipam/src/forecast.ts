/** When a pool may be full. */
export interface Forecast {
  /** Days looked at. */
  readonly days: number;
  /** Addresses assigned in these days and still held. */
  readonly gained: number;
  /** Days until the free addresses are used up at that pace, or later. Undefined: nothing was gained. */
  readonly daysLeft: number | undefined;
}

const DAY_MS = 86_400_000;
/** Less than this tells no pace. */
const SHORTEST_MS = 3_600_000;
const LONGEST_DAYS = 7;

/**
 * Foresees exhaustion from the times at which the addresses in use were assigned. What was gained and is still held is
 * never less than the true growth (older addresses may have been freed meanwhile), so the pool lasts at least as long
 * as this says if the pace stays. Undefined when times are unknown or cover less than an hour.
 *
 * @param born ms since the epoch; NaN for unknown
 */
export function forecast(born: readonly number[], free: number, now: number): Forecast | undefined {
  const known = born.filter(at => at <= now);
  const oldest = known.reduce((least, at) => Math.min(least, at), now);
  const window = Math.min(now - oldest, LONGEST_DAYS * DAY_MS);
  // The first ones may be days that nobody remembers: without most times there is no pace.
  if (window < SHORTEST_MS || known.length * 2 < born.length) return undefined;
  const gained = known.filter(at => at >= now - window).length;
  const days = window / DAY_MS;
  return { days, gained, daysLeft: gained === 0 ? undefined : free / (gained / days) };
}
