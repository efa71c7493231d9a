import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** One measured number. */
export interface Measurement {
  readonly suite: string;
  readonly case: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** Takes measurements as they are made. */
export type Emit = (measurement: Measurement) => void;

/** Collects garbage now, so that what is left is what is used. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc: () => void = runInNewContext('gc');
  gc();
}

/** p50, p99 and max of many durations in ms. */
export function quantiles(taken: readonly number[]): readonly (readonly [string, number])[] {
  const sorted = [...taken].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return [
    ['p50', at(0.5)],
    ['p99', at(0.99)],
    ['max', at(1)],
  ];
}
