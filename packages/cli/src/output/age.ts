const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/**
 * The time since an RFC 3339 instant the way kubectl writes it: two units while small, one when the second says
 * nothing (`45s`, `3m7s`, `20m`, `5h12m`, `3d4h`, `30d`). `<unknown>` for what is no instant.
 */
export function formatAge(since: string | undefined, now: Date): string {
  const start = since === undefined ? Number.NaN : Date.parse(since);
  if (Number.isNaN(start)) return '<unknown>';
  const seconds = Math.max(0, Math.floor((now.getTime() - start) / 1000));
  if (seconds < 120) return `${seconds}s`;
  const at = UNITS.findIndex(([, size]) => seconds >= size);
  const [unit, size] = UNITS[at] ?? UNITS[3];
  const whole = Math.floor(seconds / size);
  const next = UNITS[at + 1];
  // Past ten of a unit the next smaller one is noise.
  const rest = next === undefined || whole >= 10 ? 0 : Math.floor((seconds % size) / next[1]);
  return rest === 0 || next === undefined ? `${whole}${unit}` : `${whole}${unit}${rest}${next[0]}`;
}
