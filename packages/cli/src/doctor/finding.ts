/** How bad: `problem` breaks something now, `warning` will or may, `waiting` is on its way. */
export type Severity = 'problem' | 'warning' | 'waiting';

/** One thing that is wrong in the cluster. */
export interface Finding {
  readonly severity: Severity;
  /** Part of the network that it is about. */
  readonly area:
    | 'datastore'
    | 'definitions'
    | 'programs'
    | 'nodes'
    | 'policy'
    | 'bgp'
    | 'addresses'
    | 'objects';
  /** `Node n1`, `IPPool default`. */
  readonly object: string;
  /** One word for programs. */
  readonly code: string;
  /** What is wrong, and why. */
  readonly reason: string;
  /** What to do. */
  readonly fix: string;
}

const SEVERITIES: readonly Severity[] = ['problem', 'warning', 'waiting'];
/** What the others rest on comes first. */
const AREAS: readonly Finding['area'][] = [
  ...(['datastore', 'definitions', 'nodes', 'programs', 'policy', 'addresses', 'bgp', 'objects'] as const),
];

/** Worst first; of equals, what the others rest on; then in the order found. */
export function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  const rank = ({ severity, area }: Finding) =>
    SEVERITIES.indexOf(severity) * AREAS.length + AREAS.indexOf(area);
  return findings.toSorted((a, b) => rank(a) - rank(b));
}
