/** One word for programs: what kind of thing is wrong. */
export type ProblemReason =
  | 'Invalid'
  | 'FilterMissing'
  | 'PeerMissing'
  | 'NobodyHeard'
  | 'PasswordMissing'
  | 'AddressTaken'
  | 'NoPeeringAddress'
  | 'PortTaken';

/** Why something that was written down is not, or not wholly, in effect. */
export interface Problem {
  /** Kind and name: `BGPPeer tor`. */
  readonly object: string;
  readonly reason: ProblemReason;
  /** A sentence for people: what is wrong, and what to do. */
  readonly message: string;
}

/** The problem on one line. */
export function problemText({ object, message }: Problem): string {
  return `${object}: ${message}`;
}
