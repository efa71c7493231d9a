/** What a back end can say in one rule. Pass the same object each time: results are cached by its identity. */
export interface Limits {
  /** Ports of one match; a range takes two. */
  readonly portSlots: number;
  /** Several prefixes in one match, and any number of matches of one kind. */
  readonly lists: boolean;
  /** A rule's conditions are asked in their order; iptables asks about interfaces and addresses first. */
  readonly inOrder: boolean;
  /** Interfaces that are compared one after the other; Infinity keeps `dispatch` as it is. */
  readonly dispatchFanout: number;
}

/** iptables(8), iptables-extensions(8): XT_MULTI_PORTS is 15; one `-s`, `-d`, `-p`, `-i`, `-o` per rule. */
export const IPTABLES_LIMITS: Limits = {
  portSlots: 15,
  lists: false,
  inOrder: false,
  dispatchFanout: 16,
};

/** nftables has anonymous sets and verdict maps. */
export const NFT_LIMITS: Limits = {
  portSlots: Number.POSITIVE_INFINITY,
  lists: true,
  inOrder: true,
  dispatchFanout: Number.POSITIVE_INFINITY,
};
