/** What one rule of ours has counted. */
export interface RuleCount {
  readonly chain: string;
  /** The hash in its comment, by which a rule of ours is known. */
  readonly hash: string;
  readonly packets: number;
  readonly bytes: number;
}

/** What one member of a set has counted; members in the words of the back end. */
export interface MemberCount {
  readonly member: string;
  readonly packets: number;
  readonly bytes: number;
}
