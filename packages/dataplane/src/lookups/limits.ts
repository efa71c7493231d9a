/** When policies that only allow become look-ups in derived sets, and how large those may grow. */
export interface LookupLimits {
  /** Fewer rules with exact ports than this stay rules: a set of their own would not pay. */
  readonly fromRules: number;
  /** Ports of one rule, ranges counted out, that still count as exact. */
  readonly portsPerRule: number;
  /** Members of one derived set. A rule that would bring in an eighth of that alone stays a rule. */
  readonly membersPerSet: number;
  /** Members of all derived sets of one family; the smallest are made first. */
  readonly members: number;
  /**
   * Members whose packets are counted one by one, smallest look-ups first: nftables takes 16 bytes for each on each
   * processor. Larger look-ups are counted as a whole.
   */
  readonly countedMembers: number;
}

/** About 100 bytes of kernel memory per member: 6 MB for the largest set, 100 MB for all. */
export const LOOKUP_LIMITS: LookupLimits = {
  fromRules: 3,
  portsPerRule: 16,
  membersPerSet: 65_536,
  members: 1_000_000,
  countedMembers: 65_536,
};
