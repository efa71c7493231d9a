/** A path as the decision sees it: numbers only, lower is better in every field except where the step says otherwise. */
export interface Candidate {
  /** 0 for the speaker's own route, 1 for a learned one. */
  learned: number;
  /** 1 for a long-lived stale route. */
  lastResort: number;
  localPref: number;
  pathLength: number;
  origin: number;
  med: number;
  neighbourAs: number;
  /** 1 for a route from our own AS, 0 from outside. */
  internal: number;
  /** Cost to the next hop. */
  cost: number;
  /** ORIGINATOR_ID, else the peer's router ID (RFC 4456 §9). */
  routerId: number;
  clusterLength: number;
  /** Rank of the peer's address among all peers. */
  addressRank: number;
  pathId: number;
}

interface Step {
  readonly reason: string;
  readonly rfc: string;
  /** In words, for the loser. */
  readonly words: string;
  readonly key: (candidate: Candidate) => number;
  /** Compare only among routes from the same neighbour AS (RFC 4271 §9.1.2.2 c). */
  readonly perNeighbour?: true;
  /** Steps up to the last of these decide whether paths may share traffic. */
  readonly multipath?: true;
}

/** The decision process, one row per tie-break (RFC 4271 §9.1.1, §9.1.2.2; RFC 4456 §9). Lower keys win. */
export const DECISION_STEPS = [
  {
    reason: 'own-route',
    rfc: 'RFC 4271 §9.4',
    words: 'this speaker has a route of its own',
    key: c => c.learned,
    multipath: true,
  },
  {
    reason: 'long-lived-stale',
    rfc: 'RFC 9494 §4.3',
    words: 'it is kept from a peer that has been away for long',
    key: c => c.lastResort,
    multipath: true,
  },
  {
    reason: 'local-pref',
    rfc: 'RFC 4271 §9.1.1',
    words: 'its LOCAL_PREF is lower',
    key: c => -c.localPref,
    multipath: true,
  },
  {
    reason: 'as-path-length',
    rfc: 'RFC 4271 §9.1.2.2 a',
    words: 'its AS path is longer',
    key: c => c.pathLength,
    multipath: true,
  },
  {
    reason: 'origin',
    rfc: 'RFC 4271 §9.1.2.2 b',
    words: 'its ORIGIN is worse',
    key: c => c.origin,
    multipath: true,
  },
  {
    reason: 'med',
    rfc: 'RFC 4271 §9.1.2.2 c',
    words: 'its MED is higher than that of a route from the same AS',
    key: c => c.med,
    perNeighbour: true,
    multipath: true,
  },
  {
    reason: 'external',
    rfc: 'RFC 4271 §9.1.2.2 d',
    words: 'it is internal and another is external',
    key: c => c.internal,
    multipath: true,
  },
  {
    reason: 'next-hop-cost',
    rfc: 'RFC 4271 §9.1.2.2 e',
    words: 'its next hop is farther',
    key: c => c.cost,
    multipath: true,
  },
  {
    reason: 'router-id',
    rfc: 'RFC 4271 §9.1.2.2 f, RFC 4456 §9',
    words: 'its router ID is higher',
    key: c => c.routerId,
  },
  {
    reason: 'cluster-list-length',
    rfc: 'RFC 4456 §9',
    words: 'it was reflected more often',
    key: c => c.clusterLength,
  },
  {
    reason: 'peer-address',
    rfc: 'RFC 4271 §9.1.2.2 g',
    words: 'its peer has a higher address',
    key: c => c.addressRank,
  },
  { reason: 'path-id', rfc: 'RFC 7911 §3', words: 'its path identifier is higher', key: c => c.pathId },
] as const satisfies readonly Step[];

/** Why a path lost. */
export type DecisionReason = (typeof DECISION_STEPS)[number]['reason'];

const STEPS: readonly Step[] = DECISION_STEPS;
const LAST_MULTIPATH = STEPS.findLastIndex(step => step.multipath);

/** What a decision found: indices into the candidates. */
export interface Decision {
  /** -1 without candidates. */
  readonly best: number;
  /** The best and all that tie with it up to the cost of the next hop, best first (ECMP). */
  readonly equal: readonly number[];
  /** For each candidate the step that it lost at; undefined for the best. */
  readonly lostBecause: readonly (DecisionReason | undefined)[];
}

/** Chooses among candidates, and says for each other why it lost. */
export function decide(candidates: readonly Candidate[]): Decision {
  const lostBecause: (DecisionReason | undefined)[] = candidates.map(() => undefined);
  let left = candidates.map((_, i) => i);
  let equal: readonly number[] = left;
  STEPS.forEach((step, index) => {
    const winners = left.length > 1 ? surviving(step, candidates, left) : left;
    for (const i of left) if (!winners.includes(i)) lostBecause[i] = step.reason as DecisionReason;
    left = winners;
    if (index === LAST_MULTIPATH) equal = left;
  });
  const best = left[0] ?? -1;
  return { best, equal: [...equal].sort((a, b) => Number(b === best) - Number(a === best)), lostBecause };
}

function surviving(step: Step, candidates: readonly Candidate[], left: readonly number[]): number[] {
  const bestOf = new Map<number, number>();
  const group = (c: Candidate) => (step.perNeighbour ? c.neighbourAs : 0);
  for (const i of left) {
    const candidate = candidates[i] as Candidate;
    const key = step.key(candidate);
    const best = bestOf.get(group(candidate));
    if (best === undefined || key < best) bestOf.set(group(candidate), key);
  }
  return left.filter(i => {
    const candidate = candidates[i] as Candidate;
    return step.key(candidate) === bestOf.get(group(candidate));
  });
}

/** The sentence for a reason. */
export function reasonText(reason: DecisionReason): string {
  const step = STEPS.find(s => s.reason === reason) as Step;
  return `${step.words} (${step.rfc})`;
}
