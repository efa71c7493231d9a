/** What our speaker is to reach, as a share of somebody else's figure in the same run. */
export interface Goal {
  readonly name: string;
  /** What the case's title ends with. */
  readonly case: string;
  readonly figure: string;
  /** A peer, or the best of all. */
  readonly against: 'bird' | 'best';
  readonly most: number;
}

const TABLE = 'prefixes, one feeder, one sink';

/** The goals, line by line. Beside them: ahead of FRR, GoBGP and OpenBGPD everywhere. */
export const GOALS: readonly Goal[] = [
  { name: 'relay a full table', case: TABLE, figure: 'relay', against: 'bird', most: 0.5 },
  { name: 'memory for it', case: TABLE, figure: 'relay, peak memory', against: 'bird', most: 2 },
  {
    ...{ name: 'the same prefixes from 20 peers', case: '20 feeders, the same 100000 prefixes' },
    ...{ figure: 'relay', against: 'bird', most: 0.2 },
  },
  {
    ...{ name: 'reflect to 50 clients', case: '100000 prefixes to 50 clients' },
    ...{ figure: 'reflect', against: 'bird', most: 0.25 },
  },
  {
    ...{ name: '250 peers dial at once', case: '250 internal peers dial at once' },
    ...{ figure: 'all routes', against: 'best', most: 0.5 },
  },
  {
    ...{ name: '1000 peers dial at once', case: '1000 internal peers dial at once' },
    ...{ figure: 'all routes', against: 'best', most: 0.5 },
  },
  { name: 'one route, idle', case: TABLE, figure: 'one route, idle p50', against: 'bird', most: 1.3 },
  {
    ...{ name: 'one route, full table', case: TABLE },
    ...{ figure: 'one route, full table p50', against: 'bird', most: 1.3 },
  },
  { name: 'withdraw everything', case: TABLE, figure: 'withdraw all', against: 'bird', most: 0.4 },
  { name: 'a late joiner', case: TABLE, figure: 'late joiner', against: 'bird', most: 0.1 },
];
