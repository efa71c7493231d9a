/** Whose hands can mend it. */
export type Whose = 'ours' | 'theirs' | 'network' | 'both' | 'nobody';

/** How bad it is: nothing to do, soon to be known, working with a flaw, or not working. */
export type Severity = 'ok' | 'waiting' | 'warning' | 'problem';

/** What is the matter with a session: one word for programs, one sentence for people. */
export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  readonly whose: Whose;
  /** What is wrong, whose fault it is, and what to do. Ends with a full stop. */
  readonly message: string;
}

/** A session that doesn't work. */
export function problem(code: string, whose: Whose, message: string): Finding {
  return { code, severity: 'problem', whose, message };
}
