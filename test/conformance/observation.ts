/** What was observed of one probe. */
export interface Observation {
  readonly number: number;
  readonly observed: string;
}

/** Number of the line that is about the guests, not about a probe. */
export const GUESTS_LINE = -1;
