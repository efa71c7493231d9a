import type { Input, Output } from '@muslin/bgp';
import { Histogram, type Registry } from 'prom-client';

/** Seconds; RFC 7938 fabrics are judged in the middle of this. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Changes that may wait for the kernel before further ones are not measured. */
const MOST_WAITING = 10_000;

/** Where a change of routes has arrived. */
export type Arrival = 'peers' | 'kernel';

/**
 * Measures how long a change of routes takes from the bytes that brought it until it was handed to the peers'
 * connections, and until the kernel has it.
 */
export class Convergence {
  readonly #observe: (to: Arrival, seconds: number) => void;
  #began: number | undefined;
  #changed = false;
  #sent = false;
  #waiting: number[] = [];

  constructor(observe: (to: Arrival, seconds: number) => void) {
    this.#observe = observe;
  }

  /** Milliseconds on one clock for all of these. */
  input(input: Input, now: number): void {
    this.#began = bringsBytes(input) ? now : undefined;
    this.#changed = false;
    this.#sent = false;
  }

  output(output: Output): void {
    if (output.kind === 'bestChanged') this.#changed = true;
    else if (output.kind === 'send') this.#sent = true;
  }

  /** All outputs of the input have been performed. */
  performed(now: number): void {
    if (this.#began === undefined || !this.#changed) return;
    if (this.#sent) this.#observe('peers', (now - this.#began) / 1000);
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(this.#began);
    this.#began = undefined;
  }

  /** The kernel has everything that was known at `from`. */
  synced(from: number, now: number): void {
    for (const began of this.#waiting) if (began <= from) this.#observe('kernel', (now - began) / 1000);
    this.#waiting = this.#waiting.filter(began => began > from);
  }
}

function bringsBytes(input: Input): boolean {
  return input.kind === 'burst' ? input.inputs.some(bringsBytes) : input.kind === 'bytes';
}

/** The histogram that convergence is shown as. */
export function convergenceHistogram(registry: Registry): (to: Arrival, seconds: number) => void {
  const histogram = new Histogram({
    name: 'muslin_bgp_convergence_seconds',
    help: 'From the bytes of a peer that changed a best route until peers were told, and until the kernel had it',
    labelNames: ['to'],
    buckets: BUCKETS,
    registers: [registry],
  });
  return (to, seconds) => histogram.observe({ to }, seconds);
}
