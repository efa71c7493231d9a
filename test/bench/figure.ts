/** One measured figure, as `npm run bench` prints it. Peers are measured in the same call. */
export interface Figure {
  readonly suite: string;
  readonly case: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly peer?: string;
  readonly peerValue?: number;
}

/** Takes figures as they come. */
export type Emit = (figure: Figure) => void;

/** One JSON line: the same keys in the same order each time, null where there is no peer. */
export function formatFigure(figure: Figure): string {
  const { suite, case: name, name: figureName, value, unit, peer = null, peerValue = null } = figure;
  const round = (n: number | null) => (n === null ? null : Number(n.toPrecision(5)));
  const ratio = peerValue === null ? null : round(value / peerValue);
  return JSON.stringify({
    suite,
    case: name,
    name: figureName,
    value: round(value),
    unit,
    peer,
    peerValue: round(peerValue),
    ratio,
  });
}

/** The value below which `share` (0–1) of the samples lie, by nearest rank. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}
