import type { Field } from './field.ts';

const MILLISECONDS = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 } as const;

/** Reads a Go duration such as `90s` or `1m30s` (Kubernetes meta/v1 Duration), in milliseconds. */
export function readDuration(field: Field): number | undefined {
  const text = field.text();
  if (text === undefined) return undefined;
  return parseDuration(text) ?? field.invalid('must be a duration such as 90s, 1m30s or 500ms');
}

/** A Go duration in milliseconds; undefined when it is none or negative. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (text.length > 64 || !/^([0-9]+(\.[0-9]*)?(h|ms|m|s|us|µs|ns))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/([0-9.]+)(h|ms|m|s|us|µs|ns)/g))
    total += Number(number) * MILLISECONDS[unit as keyof typeof MILLISECONDS];
  return total;
}
