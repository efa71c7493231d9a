/** An inclusive range of ports, 0–65535. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A set of ports: sorted, disjoint, non-adjacent ranges. A value; build it with `portSet`. */
export type PortSet = readonly PortRange[];

/** Normalises any ranges into a `PortSet`; empty and reversed ranges vanish. */
export function portSet(ranges: Iterable<PortRange>): PortSet {
  const sorted = [...ranges].filter(r => r.first <= r.last).sort((a, b) => a.first - b.first);
  const out: PortRange[] = [];
  for (const range of sorted) {
    const last = out.at(-1);
    if (last !== undefined && range.first <= last.last + 1) {
      out[out.length - 1] = { first: last.first, last: Math.max(last.last, range.last) };
    } else out.push({ first: range.first, last: range.last });
  }
  return out;
}

/** Whether the set holds the port. */
export function portSetHas(set: PortSet, port: number): boolean {
  return set.some(range => port >= range.first && port <= range.last);
}

/** `80` or `80:90`, as iptables and Calico write ranges. */
export function formatPortRange(range: PortRange): string {
  return range.first === range.last ? `${range.first}` : `${range.first}:${range.last}`;
}
