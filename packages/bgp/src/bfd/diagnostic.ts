interface DiagnosticRow {
  readonly code: number;
  /** What it means when we say it of ourselves, or a peer of itself. */
  readonly words: string;
}

/** One row per diagnostic code (RFC 5880 §4.1): why a session last left the state Up. */
export const DIAGNOSTICS = {
  none: { code: 0, words: 'no diagnostic' },
  detectionTimeExpired: { code: 1, words: 'heard nothing for the detection time' },
  echoFailed: { code: 2, words: 'its echo packets did not come back' },
  neighbourSignaledDown: { code: 3, words: 'was told by its neighbour that the session is down' },
  forwardingPlaneReset: { code: 4, words: 'reset its forwarding plane' },
  pathDown: { code: 5, words: 'knows from elsewhere that the path is down' },
  concatenatedPathDown: { code: 6, words: 'says that a path behind it is down' },
  administrativelyDown: { code: 7, words: 'was turned off by its operator' },
  reverseConcatenatedPathDown: { code: 8, words: 'says that a path behind it is down in reverse' },
} as const satisfies Record<string, DiagnosticRow>;

/** Name of a diagnostic. */
export type Diagnostic = keyof typeof DIAGNOSTICS;

const rows: readonly DiagnosticRow[] = Object.values(DIAGNOSTICS);

/** The words of a diagnostic code; codes 9 to 31 are reserved. */
export function diagnosticText(code: number): string {
  return rows.find(row => row.code === code)?.words ?? `gave the reserved diagnostic ${code}`;
}
