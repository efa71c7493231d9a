/** How waits grow. */
export interface BackOffShape {
  /** First wait, ms. */
  readonly baseMs: number;
  /** Longest wait, ms. */
  readonly capMs: number;
}

/**
 * 0.1 s, doubling, to 10 s. Clients of Kubernetes often wait for 30 s; a node that learns of a new policy half a minute
 * after the API server is back is too late, and the random share keeps many nodes apart.
 */
export const DEFAULT_BACK_OFF: BackOffShape = { baseMs: 100, capMs: 10_000 };

/**
 * Wait before try number `failures` (1 after the first failure): exponential, and a random share of the upper half,
 * so that a hundred nodes do not come back together. `random` is in [0, 1).
 */
export function backOffMs(failures: number, random: number, shape: BackOffShape = DEFAULT_BACK_OFF): number {
  if (failures <= 0) return 0;
  const full = Math.min(shape.capMs, shape.baseMs * 2 ** Math.min(failures - 1, 40));
  return Math.round(full * (0.5 + random / 2));
}
