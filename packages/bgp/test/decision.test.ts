import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Candidate, DECISION_STEPS, type DecisionReason, decide, reasonText } from '../src/index.ts';

const EQUAL: Candidate = {
  learned: 1,
  lastResort: 0,
  localPref: 100,
  pathLength: 2,
  origin: 0,
  med: 0,
  neighbourAs: 7,
  internal: 0,
  cost: 0,
  routerId: 1,
  clusterLength: 0,
  addressRank: 1,
  pathId: 0,
};

/** For each step, what makes a path lose at exactly this step. */
const WORSE: Readonly<Record<DecisionReason, Partial<Candidate>>> = {
  'own-route': { learned: 1, localPref: 900 },
  'long-lived-stale': { lastResort: 1, localPref: 900 },
  'local-pref': { localPref: 99, pathLength: 0 },
  'as-path-length': { pathLength: 3, origin: 0 },
  origin: { origin: 2, med: 0 },
  med: { med: 1, internal: 0 },
  external: { internal: 1, cost: 0 },
  'next-hop-cost': { cost: 1, routerId: 0 },
  'router-id': { routerId: 2, clusterLength: 0 },
  'cluster-list-length': { clusterLength: 1, addressRank: 0 },
  'peer-address': { addressRank: 2, pathId: 0 },
  'path-id': { pathId: 1 },
};

describe('the decision process (RFC 4271 §9.1, RFC 4456 §9)', () => {
  test.each(DECISION_STEPS.map(step => step.reason))('%s decides before everything below it', reason => {
    // The winner is worst in everything that comes later.
    const index = DECISION_STEPS.findIndex(step => step.reason === reason);
    const later = Object.assign({}, ...DECISION_STEPS.slice(index + 1).map(step => WORSE[step.reason]));
    const winner: Candidate = { ...EQUAL, ...later, ...(reason === 'own-route' && { learned: 0 }) };
    const field = Object.keys(WORSE[reason])[0] as keyof Candidate;
    const loser: Candidate = { ...EQUAL, [field]: WORSE[reason][field] };
    for (const pair of [
      [winner, loser],
      [loser, winner],
    ] as const) {
      const decision = decide(pair);
      expect(pair[decision.best]).toBe(winner);
      expect(decision.lostBecause[1 - decision.best]).toBe(reason);
    }
    expect(reasonText(reason)).toMatch(/\(RFC \d+/);
  });

  test('MED counts only among routes from the same AS', () => {
    const a = { ...EQUAL, neighbourAs: 7, med: 10, routerId: 1 };
    const b = { ...EQUAL, neighbourAs: 8, med: 0, routerId: 2 };
    expect(decide([a, b])).toMatchObject({ best: 0, lostBecause: [undefined, 'router-id'] });
  });

  test('MED is deterministic: the order of arrival does not matter', () => {
    const number = (max: number) => fc.nat(max);
    const candidate = fc.record({
      learned: number(1),
      lastResort: number(1),
      localPref: number(1),
      pathLength: number(1),
      origin: number(1),
      med: number(2),
      neighbourAs: number(2),
      internal: number(1),
      cost: number(1),
      routerId: number(2),
      clusterLength: number(1),
      addressRank: number(2),
      pathId: number(3),
    });
    fc.assert(
      fc.property(
        fc.array(candidate, { minLength: 1, maxLength: 8 }),
        fc.infiniteStream(number(1000)),
        (drawn, stream) => {
          // No two paths of a prefix share peer and path identifier.
          const candidates = drawn.map((c, pathId) => ({ ...c, pathId }));
          const shuffled = candidates
            .map(c => [stream.next().value as number, c] as const)
            .sort(([x], [y]) => x - y)
            .map(([, c]) => c);
          const winner = candidates[decide(candidates).best];
          expect(shuffled[decide(shuffled).best]).toEqual(winner);
        },
      ),
    );
  });

  test('routes that tie up to the next hop share the traffic', () => {
    const paths = [
      { ...EQUAL, routerId: 3 },
      { ...EQUAL, routerId: 2 },
      { ...EQUAL, cost: 5, routerId: 1 },
    ];
    expect(decide(paths)).toEqual({
      best: 1,
      equal: [1, 0],
      lostBecause: ['router-id', undefined, 'next-hop-cost'],
    });
  });

  test('without candidates there is no best', () => {
    expect(decide([])).toEqual({ best: -1, equal: [], lostBecause: [] });
  });
});
